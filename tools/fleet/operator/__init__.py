"""The operator: Alertmanager's notifications in, the fleet's watermark out."""
