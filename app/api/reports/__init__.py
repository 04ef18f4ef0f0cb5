"""Reports over HTTP: what is asked for, how it is read portion by portion, and how it is written."""
