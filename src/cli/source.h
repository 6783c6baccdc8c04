/* What `tutti play` was asked to play: a URL as it stands, or a file on this machine. */
#ifndef TUTTI_CLI_SOURCE_H
#define TUTTI_CLI_SOURCE_H

#include <stdbool.h>

/* True for http(s) and other URLs, and for search terms such as "ytsearch:…": not a file's name.
 * "file:" is a file. */
bool cli_source_is_remote(const char *arg);

/* What a daemon that is running already gets: URLs as they are, file names made absolute but
 * otherwise as they were written, because its media roots are names too. Returns 0 and a string for
 * the caller to free, or negative errno. */
int cli_source_url(const char *arg, char **ret_url);

/* For a private daemon: the file's canonical path. Returns 0 and a string for the caller to free,
 * or negative errno when there is no such file. */
int cli_source_canonical(const char *arg, char **ret_path);

/* The pre-skip of a local Ogg Opus file, or −1 for everything else. */
int cli_source_pre_skip(const char *arg);

#endif
