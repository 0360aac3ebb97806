"""Measurements on the real thing; never part of a timed test."""
