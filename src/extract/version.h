/* Looks, soon after the start, whether there is a yt-dlp and how old it is, and says in the log
 * what is to be done about it. */
#ifndef TUTTI_EXTRACT_VERSION_H
#define TUTTI_EXTRACT_VERSION_H

#include "extract/run.h"

struct version_check;

/* `fn` is called once, if there is one that tells its version. `tools` must outlive the check.
 * Returns 0 or negative errno. */
int version_check_new(const struct run_tools *tools, void (*fn)(const char *version, void *arg),
                      void *arg, struct version_check **ret_check);

/* `fn` is not called any more. Memory goes with the loop's handles; NULL is fine. */
void version_check_free(struct version_check *v);

/* Writes the version down; warns if it is another than before, and old. */
void version_note(char known[YTDLP_VERSION_MAX], const char *version);

#endif
