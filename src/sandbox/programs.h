/*
 * What a program of unknown make needs to read so that it can run: the directories of PATH with
 * what was installed beside them, and those of the program itself. A yt-dlp may be a file in
 * /usr/local/bin, a package of the distribution, or live in a home directory with an interpreter
 * and libraries of its own.
 */
#ifndef TUTTI_SANDBOX_PROGRAMS_H
#define TUTTI_SANDBOX_PROGRAMS_H

#include "sandbox/sandbox.h"

enum { PROGRAMS_PATHS_MAX = 128 };

struct programs {
    struct sandbox_path paths[PROGRAMS_PATHS_MAX];
    size_t n_paths;
};

/* Adds a path, of which a copy is kept. Returns 0, -E2BIG or -ENOMEM. */
int programs_add(struct programs *p, const char *path, bool writable);

/* Adds each directory of a PATH, and the one above it when that is an installation's (/opt/x for
 * /opt/x/bin): never the root or `home`, which hold more than programs. Both may be NULL. */
void programs_add_path(struct programs *p, const char *path, const char *home);

/* Adds the place of the program (looked up in PATH if it is a bare name), where its links lead, and
 * the interpreter that its first line names. */
void programs_add_program(struct programs *p, const char *program, const char *home);

/* A program that is one file (yt-dlp_linux) unpacks itself into the directory for temporary files,
 * which others use as well: such a program gets one of its own below it, which is kept for the next
 * one, and TMPDIR names it. Does nothing for a script. */
void programs_add_scratch(struct programs *p, const char *program);

void programs_done(struct programs *p);

#endif
