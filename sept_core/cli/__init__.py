"""The command line `sept`: the same functions as the app's buttons, for terminals and clusters."""
