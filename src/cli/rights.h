/* What a private daemon may do beyond playing what is public: what the user has named. */
#ifndef TUTTI_CLI_RIGHTS_H
#define TUTTI_CLI_RIGHTS_H

#include <stddef.h>

struct daemon_rights {
    char **roots; /* directories it may read, each once */
    size_t n_roots;
    char **hosts; /* it may reach though their addresses are private, each once */
    size_t n_hosts;
};

/* The directories of the local files and the hosts of the others. `urls` has the canonical paths of
 * the local ones. Returns 0 or -ENOMEM; rights_done is due in both cases. */
int rights_collect(char *const *files, char *const *urls, size_t n_files,
                   struct daemon_rights *ret);
void rights_done(struct daemon_rights *r);

#endif
