"""What a board takes without `sluice`: packages for `mip install`, and flat files.

packages.py knows what belongs in each package, flat.py does without any, command.py writes them.
"""
