"""Giving jobs their answers, through Discord's REST alone."""
