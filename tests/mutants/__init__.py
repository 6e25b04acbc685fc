"""Small wrong changes, made one by one to the modules that decide; a test notices each, or it is told why none can.

`python -m tests.mutants --help` says how. Nothing on disk is changed: a wrong module is given to a test process's
import. Known tools were tried on paper first: one edits the files it tests, so that two at once disturb each other; the
other replaces functions with trampolines, which asynchronous generators and typed records do not survive.
"""
