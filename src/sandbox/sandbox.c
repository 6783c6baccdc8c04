#include "sandbox/sandbox.h"

#include "base/cleanup.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/bounds.h"
#include "sandbox/violation.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct sandbox {
    enum sandbox_profile profile;
    int rules; /* Landlock's; −1 without it */
    struct filter filter;
    bool has_filter;
};

static int prepare(struct sandbox *s, const struct sandbox_path *paths, size_t n_paths)
{
    unsigned walls = sandbox_walls();
    if (walls & SANDBOX_LANDLOCK) {
        s->rules = landlock_new(s->profile, paths, n_paths);
        if (s->rules < 0)
            return s->rules;
    }
    if (walls & SANDBOX_SECCOMP) {
        violation_learn_names();
        int r = filter_init(&s->filter, s->profile);
        if (r < 0)
            return r;
        s->has_filter = true;
    }
    return 0;
}

int sandbox_new(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths,
                struct sandbox **ret_sandbox)
{
    struct sandbox *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->profile = profile;
    s->rules = -1;
    int r = prepare(s, paths, n_paths);
    if (r < 0) {
        sandbox_free(s);
        return r;
    }
    *ret_sandbox = s;
    return 0;
}

static void close_rules(struct sandbox *s)
{
    if (s->rules >= 0)
        (void)close(s->rules);
    s->rules = -1;
}

void sandbox_free(struct sandbox *s)
{
    if (!s)
        return;
    close_rules(s);
    filter_done(&s->filter);
    free(s);
}

/* seccomp last: it forbids what the others take. */
int sandbox_enter(struct sandbox *s)
{
    int r = bounds_enter(s->profile);
    if (r == 0 && s->rules >= 0)
        r = landlock_enter(s->rules);
    close_rules(s);
    if (r == 0 && s->has_filter)
        r = violation_enter();
    if (r == 0 && s->has_filter)
        r = filter_enter(&s->filter);
    return r;
}

int sandbox_confine(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths)
{
    struct sandbox *s;
    int r = sandbox_new(profile, paths, n_paths, &s);
    if (r < 0)
        return r;
    r = sandbox_enter(s);
    sandbox_free(s);
    return r;
}

int sandbox_confine_client(enum sandbox_profile profile)
{
    static const char *const names[] = { "SSL_CERT_FILE", "SSL_CERT_DIR" };
    struct sandbox_path paths[sizeof names / sizeof names[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = getenv(names[i]);
        if (path)
            paths[n++] = (struct sandbox_path){ .path = path };
    }
    return sandbox_confine(profile, paths, n);
}
