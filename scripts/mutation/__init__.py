"""Small changes of the contracts, one at a time, to see which of them the tests do not notice.

``operators`` says what a change is; ``schemata`` joins many of them into one contract, of which one is chosen when it
runs; ``compiler`` compiles; ``trials`` runs the tests; ``results`` keeps and reports what was found.
"""
