#include "config/config.h"

#include "base/cleanup.h"
#include "config/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 1 << 20, LINE_BYTES_MAX = 8192, ENVIRONMENT_NAME_MAX = 64 };

extern char **environ;

enum kind { TEXT, LIST, COUNT, SECONDS, FLAG, LEVEL, FORMAT };

struct option_row {
    const char *name;
    enum kind kind;
    size_t offset;
    double min, max;
    const char *argument; /* for --help; NULL: none */
    const char *help;
};

#define AT(field) offsetof(struct config, field)

static const struct option_row rows[] = {
    { "runtime-dir", TEXT, AT(runtime_dir), 0, 0, "DIR", "where the sockets are" },
    { "control", TEXT, AT(control), 0, 0, "PATH", "the control socket" },
    { "audio", TEXT, AT(audio), 0, 0, "PATH", "the audio socket" },
    { "socket-group", TEXT, AT(socket_group), 0, 0, "NAME", "members of this group may connect" },
    { "max-workers", COUNT, AT(max_workers), 1, 4096, "N", "channels that can play at once (60)" },
    { "warm-workers", COUNT, AT(warm_workers), 0, 4096, "N", "idle workers kept ready (2)" },
    { "worker-idle", SECONDS, AT(worker_idle_s), 0, 1e6, "SECONDS",
      "an idle worker beyond the warm ones leaves after this (300)" },
    { "client-grace", SECONDS, AT(client_grace_s), 0, 1e6, "SECONDS",
      "how long the sessions of a client that is gone wait for it (30)" },
    { "buffer", SECONDS, AT(buffer_s), 0.1, 60, "SECONDS", "depth of a channel's frame ring (5)" },
    { "bitrate", COUNT, AT(bitrate), 6000, 510000, "BITS",
      "of the Opus encoder, a second (128000)" },
    { "complexity", COUNT, AT(complexity), 0, 10, "N", "of the Opus encoder, 0 to 10 (10)" },
    { "media-root", LIST, AT(media_roots), 0, 0, "DIR",
      "local files may be played from here; repeatable (none: local files are refused)" },
    { "allow-private-hosts", FLAG, AT(allow_private_hosts), 0, 0, NULL,
      "permit http(s) sources on private addresses" },
    { "allow-host", LIST, AT(allow_hosts), 0, 0, "NAME",
      "permit this host though its address is private; repeatable" },
    { "voice-host", LIST, AT(voice_hosts), 0, 0, "NAME",
      "a voice server may be here, besides Discord's domains; repeatable" },
    { "http-proxy", TEXT, AT(http_proxy), 0, 0, "URL", "proxy for sources (environment)" },
    { "extract-proxy", TEXT, AT(extract_proxy), 0, 0, "URL", "proxy for yt-dlp (environment)" },
    { "connect-timeout", SECONDS, AT(connect_timeout_s), 0.1, 3600, "SECONDS",
      "for a connection to a source (5)" },
    { "stall-timeout", SECONDS, AT(stall_timeout_s), 0.1, 3600, "SECONDS",
      "no byte while data is wanted: connect anew (1.5)" },
    { "give-up", SECONDS, AT(give_up_s), 0.1, 86400, "SECONDS",
      "for a source that stays away (60)" },
    { "yt-dlp", TEXT, AT(yt_dlp), 0, 0, "PATH", "the extractor (found in PATH)" },
    { "extract-jobs", COUNT, AT(extract_jobs), 1, 64, "N", "extractors at a time (4)" },
    { "extract-timeout", SECONDS, AT(extract_timeout_s), 0.1, 3600, "SECONDS",
      "for one extraction (20)" },
    { "require-sandbox", FLAG, AT(require_sandbox), 0, 0, NULL,
      "refuse to start where this kernel lacks a wall around the workers" },
    { "log-level", LEVEL, AT(log_level), 0, 0, "LEVEL", "error, warn, info or debug (info)" },
    { "log-format", FORMAT, AT(log_format), 0, 0, "text|json",
      "of the lines on standard error (text)" },
};

_Static_assert(sizeof rows / sizeof rows[0] <= CONFIG_ROWS_MAX, "an origin for each setting");

enum { N_ROWS = sizeof rows / sizeof rows[0], OPTION_CONFIG = N_ROWS, OPTION_HELP, OPTION_VERSION };

static int fail(char why[CONFIG_WHY_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static int fail(char why[CONFIG_WHY_MAX], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, CONFIG_WHY_MAX, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

void config_init(struct config *c)
{
    *c = (struct config){
        .max_workers = 60,
        .warm_workers = 2,
        .worker_idle_s = 300,
        .client_grace_s = 30,
        .buffer_s = 5,
        .bitrate = 128000,
        .complexity = 10,
        .connect_timeout_s = 5,
        .stall_timeout_s = 1.5,
        .give_up_s = 60,
        .extract_jobs = 4,
        .extract_timeout_s = 20,
        .log_level = LOG_INFO,
        .log_format = LOG_TEXT,
    };
}

static void list_clear(struct config_list *l)
{
    while (l->n > 0)
        free(l->item[--l->n]);
}

void config_done(struct config *c)
{
    free(c->file);
    c->file = NULL;
    for (size_t i = 0; i < N_ROWS; i++) {
        void *field = (char *)c + rows[i].offset;
        if (rows[i].kind == TEXT) {
            free(*(char **)field);
            *(char **)field = NULL;
        } else if (rows[i].kind == LIST) {
            list_clear(field);
        }
    }
}

/* ---- values ---- */

static int set_text(char **field, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static int list_add(struct config_list *l, const char *value, int origin)
{
    if (l->n >= CONFIG_LIST_MAX)
        return -E2BIG;
    l->origin[l->n] = origin;
    l->item[l->n] = strdup(value);
    return l->item[l->n] ? (l->n++, 0) : -ENOMEM;
}

static int read_number(const struct option_row *row, const char *value, double *ret,
                       char why[CONFIG_WHY_MAX])
{
    char *end;
    errno = 0;
    double d = strtod(value, &end);
    bool plain = value[0] != '\0' && strspn(value, "0123456789.") == strlen(value) && *end == '\0';
    if (row->kind == COUNT && plain)
        plain = d == floor(d) && strchr(value, '.') == NULL;
    if (!plain || errno != 0 || !(d >= row->min && d <= row->max))
        return fail(why, "%s must be a %s from %.10g to %.10g, not \"%s\"", row->name,
                    row->kind == COUNT ? "whole number" : "number", row->min, row->max, value);
    *ret = d;
    return 0;
}

static int read_flag(const struct option_row *row, const char *value, bool *ret,
                     char why[CONFIG_WHY_MAX])
{
    static const char *const yes[] = { "yes", "true", "on", "1" };
    static const char *const no[] = { "no", "false", "off", "0" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        bool is_yes = strcasecmp(value, yes[i]) == 0;
        if (is_yes || strcasecmp(value, no[i]) == 0) {
            *ret = is_yes;
            return 0;
        }
    }
    return fail(why, "%s must be yes or no, not \"%s\"", row->name, value);
}

static int set_value(struct config *c, const struct option_row *row, const char *value,
                     char why[CONFIG_WHY_MAX])
{
    void *field = (char *)c + row->offset;
    double d = 0;
    int r = 0;
    c->origin[row - rows] = c->reading;
    if (value[0] == '\0' && row->kind != FLAG)
        return fail(why, "%s must not be empty", row->name);
    switch (row->kind) {
    case TEXT:
        r = set_text(field, value);
        break;
    case LIST:
        r = list_add(field, value, c->reading);
        break;
    case COUNT:
    case SECONDS:
        if (read_number(row, value, &d, why) < 0)
            return -EINVAL;
        if (row->kind == COUNT)
            *(unsigned *)field = (unsigned)d;
        else
            *(double *)field = d;
        break;
    case FLAG:
        return read_flag(row, value, field, why);
    case LEVEL:
        if (log_level_parse(value, field) < 0)
            return fail(why, "%s must be error, warn, info or debug, not \"%s\"", row->name, value);
        break;
    case FORMAT:
        if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
            return fail(why, "%s must be text or json, not \"%s\"", row->name, value);
        *(enum log_format *)field = strcmp(value, "json") == 0 ? LOG_JSON : LOG_TEXT;
        break;
    }
    return r < 0 ? fail(why, "%s: %s", row->name, strerror(-r)) : 0;
}

static const struct option_row *find_row(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

/* Of a name that is none of the settings. A slip of the hand is put right. */
static int fail_unknown(char why[CONFIG_WHY_MAX], bool is_option, const char *written,
                        const char *name)
{
    const char *names[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        names[i] = rows[i].name;
    const char *meant = nearest_name(name, names, N_ROWS);
    const char *quote = is_option ? "" : "\"";
    return fail(why, "unknown %s %s%.200s%s%s%s%s%s", is_option ? "option" : "key", quote, written,
                quote, meant ? ": did you mean " : "", meant && is_option ? "--" : "",
                meant ? meant : "", meant ? "?" : "");
}

/* A list given in a stronger place replaces the weaker one's, it is not added to it. */
static void clear_list_once(struct config *c, const struct option_row *row, bool cleared[N_ROWS])
{
    size_t i = (size_t)(row - rows);
    if (row->kind == LIST && !cleared[i])
        list_clear((struct config_list *)(void *)((char *)c + row->offset));
    cleared[i] = true;
}

/* ---- the file ---- */

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t len = strlen(s);
    while (len > 0 && isspace((unsigned char)s[len - 1]))
        s[--len] = '\0';
    return s;
}

static int read_line(struct config *c, char *line, char why[CONFIG_WHY_MAX])
{
    char *key = trim(line);
    if (key[0] == '\0' || key[0] == '#')
        return 0;
    char *equals = strchr(key, '=');
    if (!equals)
        return fail(why, "a line must read \"key = value\", not \"%s\"", key);
    *equals = '\0';
    key = trim(key);
    char *value = trim(equals + 1);
    const struct option_row *row = find_row(key);
    if (!row)
        return fail_unknown(why, false, key, key);
    return set_value(c, row, value, why);
}

int config_read_text(struct config *c, const char *s, size_t len, const char *name,
                     char ret_why[CONFIG_WHY_MAX])
{
    const char *end = s + len;
    for (unsigned n = 1; s < end; n++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        size_t line_len = (size_t)((newline ? newline : end) - s);
        char line[LINE_BYTES_MAX];
        char why[CONFIG_WHY_MAX] = "";
        bool fits = line_len < sizeof line && !memchr(s, '\0', line_len);
        if (fits) {
            memcpy(line, s, line_len);
            line[line_len] = '\0';
        }
        c->reading = (int)n;
        if (!fits || read_line(c, line, why) < 0)
            return fail(ret_why, "%.100s, line %u: %.300s", name, n,
                        fits ? why : "too long, or not text");
        s += line_len + (newline ? 1 : 0);
    }
    return 0;
}

static int read_file(struct config *c, const char *path, char why[CONFIG_WHY_MAX])
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(why, "cannot read %.200s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
        return fail(why, "cannot read %.200s: it is no file of a sensible size", path);
    if (set_text(&c->file, path) < 0)
        return fail(why, "out of memory");
    size_t size = (size_t)st.st_size;
    AUTO_FREE char *text = malloc(size + 1);
    if (!text)
        return fail(why, "out of memory");
    ssize_t n = read(fd, text, size);
    if (n < 0)
        return fail(why, "cannot read %.200s: %s", path, strerror(errno));
    return config_read_text(c, text, (size_t)n, path, why);
}

/* ---- the environment ---- */

static void environment_name(const char *name, char out[ENVIRONMENT_NAME_MAX])
{
    (void)snprintf(out, ENVIRONMENT_NAME_MAX, "TUTTI_%s", name);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

/* Lists hold one item a colon, as in PATH; host names and directories have none. */
static int set_from_environment(struct config *c, const struct option_row *row, const char *value,
                                char why[CONFIG_WHY_MAX])
{
    if (row->kind != LIST)
        return set_value(c, row, value, why);
    AUTO_FREE char *copy = strdup(value);
    char *rest = copy;
    char *item;
    int r = copy ? 0 : fail(why, "out of memory");
    while (r == 0 && (item = strsep(&rest, ":")) != NULL)
        r = set_value(c, row, item, why);
    return r;
}

static int read_environment(struct config *c, char why[CONFIG_WHY_MAX])
{
    bool cleared[N_ROWS] = { false };
    for (size_t i = 0; i < N_ROWS; i++) {
        char name[ENVIRONMENT_NAME_MAX];
        environment_name(rows[i].name, name);
        const char *value = getenv(name);
        if (!value)
            continue;
        clear_list_once(c, &rows[i], cleared);
        c->reading = CONFIG_ENVIRONMENT;
        char reason[CONFIG_WHY_MAX];
        if (set_from_environment(c, &rows[i], value, reason) < 0)
            return fail(why, "%s: %.400s", name, reason);
    }
    return 0;
}

const char *config_tell_origin(const struct config *c, const char *name, size_t item,
                               char ret[CONFIG_ORIGIN_MAX])
{
    const struct option_row *row = find_row(name);
    char environment[ENVIRONMENT_NAME_MAX];
    const void *field = (const char *)c + row->offset;
    int origin = row->kind == LIST ? ((const struct config_list *)field)->origin[item]
                                   : c->origin[row - rows];
    environment_name(name, environment);
    if (origin > 0)
        (void)snprintf(ret, CONFIG_ORIGIN_MAX, "%.200s, line %d", c->file ? c->file : "", origin);
    else if (origin == CONFIG_ENVIRONMENT)
        (void)snprintf(ret, CONFIG_ORIGIN_MAX, "%s", environment);
    else
        (void)snprintf(ret, CONFIG_ORIGIN_MAX, "command line");
    return ret;
}

/* ---- the command line ---- */

static void print_help(void)
{
    printf("Usage: tuttid [OPTION]...\n"
           "Play audio into Discord voice channels, as bots ask for it over a Unix socket.\n\n");
    for (size_t i = 0; i < N_ROWS; i++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                       rows[i].argument ? rows[i].argument : "");
        printf("  %-28s %s\n", left, rows[i].help);
    }
    printf("  %-28s %s\n  %-28s %s\n  %-28s %s\n\n", "--config FILE",
           "read settings from FILE (key = value)", "--help", "print this and exit", "--version",
           "print the version and exit");
    printf("Every option is also a key of the configuration file and an environment variable\n"
           "(--media-root: media-root = DIR, TUTTI_MEDIA_ROOT). See tuttid(8), tuttid.conf(5).\n");
}

static void fill_long_options(struct option options[N_ROWS + 4])
{
    for (int i = 0; i < N_ROWS; i++)
        options[i] = (struct option){ rows[i].name,
                                      rows[i].argument ? required_argument : no_argument, NULL, i };
    options[OPTION_CONFIG] = (struct option){ "config", required_argument, NULL, OPTION_CONFIG };
    options[OPTION_HELP] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
    options[OPTION_VERSION] = (struct option){ "version", no_argument, NULL, OPTION_VERSION };
    options[OPTION_VERSION + 1] = (struct option){ 0 };
}

struct command_line {
    struct {
        const struct option_row *row;
        const char *value;
    } set[256];
    size_t n;
    const char *file;
};

/* getopt_long takes any beginning of a name that is no other's: a slip of the hand should be told,
 * and a new option must not change what an old command line means. */
static bool is_whole_name(const char *argument, const char *name)
{
    size_t len = strlen(name);
    return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, name, len) == 0 &&
           (argument[2 + len] == '\0' || argument[2 + len] == '=');
}

static void fail_option(char why[CONFIG_WHY_MAX], bool is_unknown, const char *argument)
{
    char name[ENVIRONMENT_NAME_MAX];
    (void)snprintf(name, sizeof name, "%s", argument);
    name[strcspn(name, "=")] = '\0';
    if (!is_unknown)
        (void)fail(why, "%.200s needs a value", argument);
    else if (strncmp(name, "--", 2) == 0 && find_row(name + 2))
        (void)fail(why, "%s takes no value", name);
    else
        (void)fail_unknown(why, true, argument, name);
}

static enum config_result parse_arguments(int argc, char **argv, struct command_line *ret,
                                          char why[CONFIG_WHY_MAX])
{
    struct option options[N_ROWS + 4];
    int id, at = 1; /* the argument in hand; for a cluster like -xy optind stays on it */
    fill_long_options(options);
    *ret = (struct command_line){ .file = getenv("TUTTI_CONFIG") };
    optind = 0;
    for (; (id = getopt_long(argc, argv, "+:", options, NULL)) >= 0; at = optind) {
        if (id <= OPTION_VERSION && !is_whole_name(argv[at], options[id].name))
            id = '?';
        if (id == OPTION_HELP) {
            print_help();
            return CONFIG_EXIT;
        }
        if (id == OPTION_VERSION) {
            printf("tuttid " TUTTI_VERSION "\n");
            return CONFIG_EXIT;
        }
        if (id == '?' || id == ':') {
            fail_option(why, id == '?', argv[at]);
            return CONFIG_BAD;
        }
        if (id == OPTION_CONFIG) {
            ret->file = optarg;
        } else if (ret->n == sizeof ret->set / sizeof ret->set[0]) {
            (void)fail(why, "too many options");
            return CONFIG_BAD;
        } else {
            ret->set[ret->n].row = &rows[id];
            ret->set[ret->n++].value = optarg ? optarg : "yes";
        }
    }
    if (optind < argc) {
        (void)fail(why, "unexpected argument \"%.200s\"", argv[optind]);
        return CONFIG_BAD;
    }
    return CONFIG_RUN;
}

enum config_result config_load(int argc, char **argv, struct config *ret,
                               char ret_why[CONFIG_WHY_MAX])
{
    struct command_line line;
    bool cleared[N_ROWS] = { false };
    char why[CONFIG_WHY_MAX];
    config_init(ret);
    enum config_result result = parse_arguments(argc, argv, &line, ret_why);
    if (result != CONFIG_RUN)
        return result;
    if (line.file && read_file(ret, line.file, ret_why) < 0)
        return CONFIG_BAD;
    if (read_environment(ret, ret_why) < 0)
        return CONFIG_BAD;
    for (size_t i = 0; i < line.n; i++) {
        clear_list_once(ret, line.set[i].row, cleared);
        ret->reading = CONFIG_COMMAND_LINE;
        if (set_value(ret, line.set[i].row, line.set[i].value, why) < 0) {
            (void)fail(ret_why, "--%.400s", why);
            return CONFIG_BAD;
        }
    }
    return CONFIG_RUN;
}
