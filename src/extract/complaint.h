/* What yt-dlp complains of, put so that the person who asked for the play knows what to do. Pure.
 */
#ifndef TUTTI_EXTRACT_COMPLAINT_H
#define TUTTI_EXTRACT_COMPLAINT_H

#include <stdbool.h>

enum { COMPLAINT_MAX = 200 };

/*
 * Reads what yt-dlp wrote on standard error (any text will do): the last line that begins with
 * "ERROR:", else the last line. Writes one printable line. Returns true if the reason may be that
 * this yt-dlp is too old for the site.
 */
bool complaint_read(const char *text, char ret_why[COMPLAINT_MAX]);

#endif
