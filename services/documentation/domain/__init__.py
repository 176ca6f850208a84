"""Facts and rules of documentation: units of time, goals on a day, and what a note must satisfy."""
