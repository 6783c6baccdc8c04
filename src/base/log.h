/*
 * Log lines on standard error, as text or as one JSON object a line. The level and the format are
 * the process's only global state. Not for the real-time path: count there instead.
 */
#ifndef TUTTI_BASE_LOG_H
#define TUTTI_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

enum log_format { LOG_TEXT, LOG_JSON };

/* Sets what is printed from now on. `program` must outlive the process (a literal). */
void log_setup(const char *program, enum log_level level, enum log_format format);

/* Reads "error", "warn", "info" or "debug". Returns 0, or -EINVAL and leaves *ret_level alone. */
int log_level_parse(const char *text, enum log_level *ret_level);

bool log_enabled(enum log_level level);

/* Prints one line. `topic` names the module. Control characters and broken UTF-8 are replaced. */
void log_line(enum log_level level, const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(topic, ...) log_line(LOG_ERROR, topic, __VA_ARGS__)
#define log_warn(topic, ...) log_line(LOG_WARN, topic, __VA_ARGS__)
#define log_info(topic, ...) log_line(LOG_INFO, topic, __VA_ARGS__)
#define log_debug(topic, ...) \
    do { \
        if (log_enabled(LOG_DEBUG)) \
            log_line(LOG_DEBUG, topic, __VA_ARGS__); \
    } while (0)

#endif
