"""A large organization to measure with: `manage.py seed_load`.

This is the largest exception to the rule that only actions write: with them, a hundred thousand
credentials would take hours. A test compares the rows with those that actions leave.
"""
