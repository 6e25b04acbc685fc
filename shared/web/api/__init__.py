"""The JSON API: each function takes the app and a request and returns an answer.

What is in one module is imported together, so what a cold start may have to answer has a light one of its own.
"""
