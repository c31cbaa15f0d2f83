"""Other servers from PyPI, set up as their documentation says in a new Django project.

Better off than there in two things: connections to the database are kept, and no commit waits for
the disk.
"""
