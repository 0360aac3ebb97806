"""OpenTelemetry traces of messages, from POST to delivery; off unless there is an endpoint to send them to.

Only `target` may be imported while they are off: the others import OpenTelemetry.
"""
