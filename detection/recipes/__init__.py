"""The papers' training procedures as files, their checks, and the plan that follows from one."""
