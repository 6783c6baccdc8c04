/* What happens to a play, in words. */
#ifndef TUTTI_CLI_SAY_H
#define TUTTI_CLI_SAY_H

#include "cli/playlist.h"
#include "cli/progress.h"

/* The play's title, or `name`, which is what the user wrote. Belongs to its owner. */
const char *say_title(const char *name, const struct listed_play *play);

void say_playing(struct progress *p, const char *name, const struct listed_play *play);

/* For the terminal event: an error goes to standard error. Returns the exit code that this end
 * alone would mean. */
int say_end(struct progress *p, const char *name, const struct listed_play *play,
            const json_t *event);

/* What to try, if anything can be, when the event is a running daemon's refusal of `name`. */
void say_hint(const char *name, const json_t *event);

/* For the events on the way. */
void say_news(struct progress *p, const char *name, const struct listed_play *play,
              const json_t *event);

#endif
