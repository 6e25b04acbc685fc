"""Random lives of connections, with a judge inside the simulators that notes who made each object and each element.

`python -m tests.lives` lives many of them and prints what they came to; a short profile is a test.
"""
