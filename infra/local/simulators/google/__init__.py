"""Google's sign-in, Workspace and Cloud hosts, as far as the service speaks to them.

What may be asked, and in which form, is read from Google's own discovery documents; whatever they do not name is
refused, and what is named there and not simulated is answered with 501.
"""
