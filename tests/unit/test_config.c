/* Settings: where they come from, which place wins, and what is said about a bad one. */
#include "config/config.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

extern char **environ;

static char dir[TEST_DIR_BYTES];
static char file[TEST_DIR_BYTES + 16];

static int set_up(void **state)
{
    test_dir_make(dir);
    (void)snprintf(file, sizeof file, "%s/conf", dir);
    return clearenv();
}

static int tear_down(void **state)
{
    (void)unlink(file);
    return rmdir(dir);
}

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

enum { ARGUMENTS_MAX = 300 };

/* Loads with the given arguments, which end with NULL. */
static enum config_result load(struct config *c, char why[CONFIG_WHY_MAX],
                               const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = { strdup("tuttid") };
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = strdup(arguments[argc - 1]);
    why[0] = '\0';
    enum config_result r = config_load(argc, argv, c, why);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return r;
}

#define LOAD(c, why, ...) load((c), (why), (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void defaults(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    assert_int_equal(LOAD(&c, why), CONFIG_RUN);
    assert_null(c.runtime_dir);
    assert_null(c.control);
    assert_null(c.socket_group);
    assert_int_equal(c.max_workers, 60);
    assert_int_equal(c.warm_workers, 2);
    assert_true(c.worker_idle_s == 300 && c.client_grace_s == 30 && c.buffer_s == 5);
    assert_int_equal(c.bitrate, 128000);
    assert_int_equal(c.complexity, 10);
    assert_int_equal(c.media_roots.n, 0);
    assert_false(c.allow_private_hosts);
    assert_true(c.connect_timeout_s == 5 && c.stall_timeout_s == 1.5 && c.give_up_s == 60);
    assert_int_equal(c.extract_jobs, 4);
    assert_true(c.extract_timeout_s == 20);
    assert_false(c.require_sandbox);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_int_equal(c.log_format, LOG_TEXT);
    config_done(&c);
    config_done(&c); /* nothing is freed twice */
}

static void command_line_then_environment_then_file(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    write_file("max-workers = 1\nbitrate = 64000\ncomplexity = 1\nlog-level = error\n");
    assert_int_equal(setenv("TUTTI_MAX_WORKERS", "2", 1), 0);
    assert_int_equal(setenv("TUTTI_BITRATE", "65000", 1), 0);
    assert_int_equal(setenv("TUTTI_LOG_FORMAT", "json", 1), 0);
    assert_int_equal(LOAD(&c, why, "--config", file, "--max-workers", "3", "--max-workers=4"),
                     CONFIG_RUN);
    assert_int_equal(c.max_workers, 4); /* the last one given */
    assert_int_equal(c.bitrate, 65000);
    assert_int_equal(c.complexity, 1);
    assert_int_equal(c.log_level, LOG_ERROR);
    assert_int_equal(c.log_format, LOG_JSON);
    config_done(&c);
}

static void the_file_may_be_named_by_the_environment(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    write_file("buffer = 0.5");
    assert_int_equal(setenv("TUTTI_CONFIG", file, 1), 0);
    assert_int_equal(LOAD(&c, why), CONFIG_RUN);
    assert_true(c.buffer_s == 0.5);
    config_done(&c);
    assert_int_equal(LOAD(&c, why, "--config", "/nowhere/conf"), CONFIG_BAD);
    assert_non_null(strstr(why, "/nowhere/conf"));
    config_done(&c);
}

static void check_roots(const struct config *c, const char *const *want)
{
    size_t n = 0;
    for (; want[n]; n++) {
        assert_true(n < c->media_roots.n);
        assert_string_equal(c->media_roots.item[n], want[n]);
    }
    assert_int_equal(c->media_roots.n, n);
}

#define CHECK_ROOTS(c, ...) check_roots((c), (const char *const[]){ __VA_ARGS__, NULL })

/* A stronger place replaces the weaker one's list. */
static void lists(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    write_file("media-root = /a b\nmedia-root=/c\nallow-host = h\n");
    assert_int_equal(LOAD(&c, why, "--config", file), CONFIG_RUN);
    CHECK_ROOTS(&c, "/a b", "/c");
    assert_string_equal(c.allow_hosts.item[0], "h");
    config_done(&c);
    assert_int_equal(setenv("TUTTI_MEDIA_ROOT", "/d:/e:/f", 1), 0);
    assert_int_equal(LOAD(&c, why, "--config", file), CONFIG_RUN);
    CHECK_ROOTS(&c, "/d", "/e", "/f");
    assert_int_equal(c.allow_hosts.n, 1);
    config_done(&c);
    assert_int_equal(LOAD(&c, why, "--config", file, "--media-root", "/g:h", "--media-root=/i"),
                     CONFIG_RUN);
    CHECK_ROOTS(&c, "/g:h", "/i");
    config_done(&c);
    assert_int_equal(setenv("TUTTI_MEDIA_ROOT", "/d::/e", 1), 0);
    assert_int_equal(LOAD(&c, why), CONFIG_BAD);
    assert_string_equal(why, "TUTTI_MEDIA_ROOT: media-root must not be empty");
    config_done(&c);
}

static void lists_are_limited(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    const char *arguments[ARGUMENTS_MAX + 1] = { NULL };
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++)
        arguments[i] = "--media-root=/a";
    assert_int_equal(load(&c, why, arguments), CONFIG_RUN);
    assert_int_equal(c.media_roots.n, CONFIG_LIST_MAX);
    config_done(&c);
    arguments[CONFIG_LIST_MAX] = "--media-root=/a";
    assert_int_equal(load(&c, why, arguments), CONFIG_BAD);
    assert_non_null(strstr(why, "--media-root: "));
    config_done(&c);
    for (size_t i = 0; i < ARGUMENTS_MAX; i++)
        arguments[i] = "--bitrate=6000";
    assert_int_equal(load(&c, why, arguments), CONFIG_BAD);
    assert_string_equal(why, "too many options");
    config_done(&c);
}

static void flags(void **state)
{
    static const struct {
        const char *value;
        int want; /* −1: refused */
    } rows[] = { { "yes", 1 }, { "TRUE", 1 },  { "On", 1 },   { "1", 1 },
                 { "no", 0 },  { "false", 0 }, { "off", 0 },  { "0", 0 },
                 { "", -1 },   { "2", -1 },    { "yess", -1 } };
    struct config c;
    char why[CONFIG_WHY_MAX];
    assert_int_equal(LOAD(&c, why, "--allow-private-hosts"), CONFIG_RUN);
    assert_true(c.allow_private_hosts);
    config_done(&c);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        assert_int_equal(setenv("TUTTI_ALLOW_PRIVATE_HOSTS", rows[i].value, 1), 0);
        enum config_result r = LOAD(&c, why);
        ROW_TRUE(rows[i].value, r == (rows[i].want < 0 ? CONFIG_BAD : CONFIG_RUN));
        ROW_TRUE(rows[i].value, rows[i].want < 0 || c.allow_private_hosts == rows[i].want);
        config_done(&c);
    }
}

static const struct {
    const char *argument, *why;
} bad[] = {
    { "--max-workers=0", "--max-workers must be a whole number from 1 to 4096, not \"0\"" },
    { "--max-workers=4097", "--max-workers must be" },
    { "--max-workers=-1", "--max-workers must be" },
    { "--max-workers=1.5", "--max-workers must be" },
    { "--max-workers=1.0", "--max-workers must be" },
    { "--max-workers=ten", "--max-workers must be" },
    { "--max-workers=0x10", "--max-workers must be" },
    { "--max-workers=1e2", "--max-workers must be" },
    { "--max-workers= 5", "--max-workers must be" },
    { "--max-workers=5 ", "--max-workers must be" },
    { "--max-workers=", "--max-workers must not be empty" },
    { "--max-workers=99999999999999999999999", "--max-workers must be" },
    { "--warm-workers=4097", "--warm-workers must be" },
    { "--worker-idle=nan", "--worker-idle must be a number from 0 to" },
    { "--client-grace=inf", "--client-grace must be" },
    { "--buffer=0.09", "--buffer must be a number from 0.1 to 60" },
    { "--buffer=61", "--buffer must be" },
    { "--buffer=1.2.3", "--buffer must be" },
    { "--buffer=.", "--buffer must be" },
    { "--bitrate=5999", "--bitrate must be" },
    { "--bitrate=510001", "--bitrate must be" },
    { "--complexity=11", "--complexity must be" },
    { "--connect-timeout=0", "--connect-timeout must be" },
    { "--stall-timeout=0", "--stall-timeout must be" },
    { "--give-up=86401", "--give-up must be" },
    { "--extract-jobs=0", "--extract-jobs must be" },
    { "--extract-timeout=-1", "--extract-timeout must be" },
    { "--log-level=loud", "--log-level must be error, warn, info or debug, not \"loud\"" },
    { "--log-format=xml", "--log-format must be text or json, not \"xml\"" },
    { "--runtime-dir=", "--runtime-dir must not be empty" },
    { "--control=", "--control must not be empty" },
    { "--yt-dlp=", "--yt-dlp must not be empty" },
    { "--media-root=", "--media-root must not be empty" },
    { "--media-root", "--media-root needs a value" },
    { "--config", "--config needs a value" },
    { "--nonsense", "unknown option --nonsense" },
    { "--max-worker=5",
      "unknown option --max-worker=5: did you mean --max-workers?" }, /* no abbreviations */
    { "--allow-private-hosts=no", "--allow-private-hosts takes no value" },
    { "-x", "unknown option -x" },
    { "-xyz", "unknown option -xyz" },
    { "song.mp3", "unexpected argument \"song.mp3\"" },
    { "-", "unexpected argument \"-\"" },
};

static void every_bad_value(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct config c;
        char why[CONFIG_WHY_MAX];
        enum config_result r = LOAD(&c, why, bad[i].argument);
        config_done(&c);
        ROW_TRUE(bad[i].argument, r == CONFIG_BAD);
        if (strncmp(why, bad[i].why, strlen(bad[i].why)) != 0)
            print_error("said: %s\n", why);
        ROW_TRUE(bad[i].argument, strncmp(why, bad[i].why, strlen(bad[i].why)) == 0);
    }
}

/* Options end at "--" and at the first argument that is none. */
static void arguments_behind_options(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    assert_int_equal(LOAD(&c, why, "--bitrate=6000", "--"), CONFIG_RUN);
    config_done(&c);
    assert_int_equal(LOAD(&c, why, "--", "--bitrate=6000"), CONFIG_BAD);
    assert_string_equal(why, "unexpected argument \"--bitrate=6000\"");
    config_done(&c);
    assert_int_equal(LOAD(&c, why, "x", "--nonsense"), CONFIG_BAD);
    assert_string_equal(why, "unexpected argument \"x\"");
    config_done(&c);
}

static void the_environment_names_its_variable(void **state)
{
    struct config c;
    char why[CONFIG_WHY_MAX];
    assert_int_equal(setenv("TUTTI_YT_DLP", "/x/yt-dlp", 1), 0);
    assert_int_equal(setenv("TUTTI_NONSENSE", "1", 1), 0); /* not ours to judge */
    assert_int_equal(LOAD(&c, why), CONFIG_RUN);
    assert_string_equal(c.yt_dlp, "/x/yt-dlp");
    config_done(&c);
    assert_int_equal(setenv("TUTTI_STALL_TIMEOUT", "soon", 1), 0);
    assert_int_equal(LOAD(&c, why), CONFIG_BAD);
    assert_string_equal(why,
                        "TUTTI_STALL_TIMEOUT: stall-timeout must be a number from 0.1 to 3600, "
                        "not \"soon\"");
    config_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(command_line_then_environment_then_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_may_be_named_by_the_environment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_bad_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arguments_behind_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_names_its_variable, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
