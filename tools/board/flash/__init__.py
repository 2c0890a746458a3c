"""`sluice flash`: puts a release of the firmware on a board, so that it can be cut off anywhere.

A release lives in its own folder, /app_<hash>/; the loader /main.py starts the one in force.
release.py compiles one, configuration.py and secrets.py read what goes with it, plan.py decides
what has to move, device.py is the board at the port, onboard.py runs on the board, command.py puts
them in order.
"""
