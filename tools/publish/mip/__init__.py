"""Packages for `mip install`: one of the whole library, and one of each module.

packages.py knows what belongs in each, command.py writes them.
"""
