import host_sim  # noqa: F401  the firmware's modules can be imported from here on
