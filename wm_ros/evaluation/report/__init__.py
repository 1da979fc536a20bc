"""Pages that need nothing beside themselves: HTML with its plots and films inside."""
