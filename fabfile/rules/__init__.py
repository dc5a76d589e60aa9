"""What is wrong with a rack: rules by subject, each a pure function from one look (facts/look.py) to findings.

What is not in the look is not known, and nothing is found of it: a status task that asks for a part of the rack applies the
same rules to that part.
"""
