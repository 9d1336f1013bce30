"""Panels over the flight, made with Dear ImGui, which is imported when the first of them is opened."""
