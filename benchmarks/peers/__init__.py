"""Other servers from PyPI in a new Django project, set up as their documentation says.

Two things are faster than there: database connections are kept, and commits don't wait for the
disk.
"""
