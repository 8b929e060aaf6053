/* Errors in a log as engines read it: a line of JSON (containerd takes the last one) or of text. */
#ifndef LOG_H
#define LOG_H

/* What a terminal would act on, turn round or hide (control characters, bidirectional and invisible marks, broken UTF-8) becomes `?`:
 * manifests, paths and what init says are nobody's we trust. In place. */
void make_printable(char *line);

/* Appends a line of level error; `path` NULL: there is no log. `format`: "json", else text. */
void log_error(const char *path, const char *format, const char *words);

#endif
