"""What several targets share; none of it names one."""
