"""A large organization to measure with: `manage.py seed_load`.

The one-writer rule stands aside here, and only here: a hundred thousand credentials made by the
actions would take hours. The rows are what the actions would have left; a test compares them.
"""
