"""Facts and rules of scheduling: people, matching, episodes, appointments. Pure."""
