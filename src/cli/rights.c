#include "cli/rights.h"

#include "base/cleanup.h"
#include "base/url.h"
#include "cli/source.h"

#include <libgen.h>
#include <string.h>

/* Adds `text`, whose ownership it takes, unless it is there. */
static int add_once(char **list, size_t *n, char *text)
{
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(text, list[i]) == 0) {
            free(text);
            return 0;
        }
    }
    list[(*n)++] = text;
    return 0;
}

static int add_root(struct daemon_rights *r, const char *path)
{
    AUTO_FREE char *copy = strdup(path);
    return add_once(r->roots, &r->n_roots, copy ? strdup(dirname(copy)) : NULL);
}

int rights_collect(char *const *files, char *const *urls, size_t n_files, struct daemon_rights *ret)
{
    char host[URL_HOST_MAX + 1];
    *ret = (struct daemon_rights){
        .roots = calloc(n_files, sizeof *ret->roots),
        .hosts = calloc(n_files, sizeof *ret->hosts),
    };
    int err = ret->roots && ret->hosts ? 0 : -ENOMEM;
    for (size_t i = 0; i < n_files && err == 0; i++) {
        if (!cli_source_is_remote(files[i]))
            err = add_root(ret, urls[i]);
        else if (url_is_http(files[i]) && url_http_host(files[i], host))
            err = add_once(ret->hosts, &ret->n_hosts, strdup(host));
    }
    return err;
}

void rights_done(struct daemon_rights *r)
{
    for (size_t i = 0; i < r->n_roots; i++)
        free(r->roots[i]);
    for (size_t i = 0; i < r->n_hosts; i++)
        free(r->hosts[i]);
    free(r->roots);
    free(r->hosts);
}
