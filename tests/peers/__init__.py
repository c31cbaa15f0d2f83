"""Published failures of comparable products, each as a test that fails if we have the same fault.

A test is named after the product and the number of its CVE or advisory. Its docstring says what
failed there.
"""
