/* The configuration file: its lines, its errors, and the two options that print and leave. */
#include "config/config.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static void good_lines(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "   \t  \n"
                               "  # another\n"
                               "max-workers=5\n"
                               "\tbitrate \t=\t 96000 \t\r\n"
                               "runtime-dir = /run/a = b # not a comment\n"
                               "allow-private-hosts = yes\n"
                               "log-level = debug"; /* no newline at the end */
    struct config c;
    char why[CONFIG_WHY_MAX];
    config_init(&c);
    assert_int_equal(config_read_text(&c, text, sizeof text - 1, "f", why), 0);
    assert_int_equal(c.max_workers, 5);
    assert_int_equal(c.bitrate, 96000);
    assert_string_equal(c.runtime_dir, "/run/a = b # not a comment");
    assert_true(c.allow_private_hosts);
    assert_int_equal(c.log_level, LOG_DEBUG);
    config_done(&c);
    config_init(&c);
    assert_int_equal(config_read_text(&c, "", 0, "f", why), 0);
    config_done(&c);
}

static const struct {
    const char *text, *why;
} bad[] = {
    { "x", "f, line 1: a line must read \"key = value\", not \"x\"" },
    { "= 5", "f, line 1: unknown key \"\"" },
    { "\n\nmax-workers = 5\nnonsense = 1\nbitrate = x\n", "f, line 4: unknown key \"nonsense\"" },
    { "Max-Workers = 5", "f, line 1: unknown key \"Max-Workers\": did you mean max-workers?" },
    { "--max-workers = 5", "f, line 1: unknown key \"--max-workers\": did you mean max-workers?" },
    { "mediaroot = /a", "f, line 1: unknown key \"mediaroot\": did you mean media-root?" },
    { "bitrates = 5", "f, line 1: unknown key \"bitrates\": did you mean bitrate?" },
    { "config = other", "f, line 1: unknown key \"config\"" },
    { "help = yes", "f, line 1: unknown key \"help\"" },
    { "max-workers =", "f, line 1: max-workers must not be empty" },
    { "max-workers = 5 6", "f, line 1: max-workers must be a whole number" },
    { "\r\nallow-private-hosts = maybe", "f, line 2: allow-private-hosts must be yes or no" },
    { "allow-private-hosts", "f, line 1: a line must read" },
    { "\xff\xfe = 1", "f, line 1: unknown key" },
};

static void bad_lines_are_named(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct config c;
        char why[CONFIG_WHY_MAX] = "";
        config_init(&c);
        int r = config_read_text(&c, bad[i].text, strlen(bad[i].text), "f", why);
        config_done(&c);
        ROW_TRUE(bad[i].text, r == -EINVAL);
        if (strncmp(why, bad[i].why, strlen(bad[i].why)) != 0)
            print_error("said: %s\n", why);
        ROW_TRUE(bad[i].text, strncmp(why, bad[i].why, strlen(bad[i].why)) == 0);
    }
}

static void lines_that_are_no_text(void **state)
{
    static char big[20000];
    struct config c;
    char why[CONFIG_WHY_MAX];
    config_init(&c);
    assert_int_equal(config_read_text(&c, "\nbitrate\0 = 7", 13, "f", why), -EINVAL);
    assert_string_equal(why, "f, line 2: too long, or not text");
    memset(big, 'x', sizeof big);
    assert_int_equal(config_read_text(&c, big, sizeof big, "f", why), -EINVAL);
    assert_string_equal(why, "f, line 1: too long, or not text");
    big[0] = '#';
    assert_int_equal(config_read_text(&c, big, 8191, "f", why), 0);
    /* Whatever is in it, the sentence fits and is terminated. */
    memcpy(big, "bitrate = ", 10);
    assert_int_equal(config_read_text(&c, big, 8191, "f", why), -EINVAL);
    assert_non_null(memchr(why, '\0', sizeof why));
    config_done(&c);
}

/* The same text again must not leak what the first one set. */
static void a_key_twice(void **state)
{
    static const char text[] = "control = /a\ncontrol = /b\nmedia-root = /c\nmedia-root = /c\n";
    struct config c;
    char why[CONFIG_WHY_MAX];
    config_init(&c);
    assert_int_equal(config_read_text(&c, text, sizeof text - 1, "f", why), 0);
    assert_string_equal(c.control, "/b");
    assert_int_equal(c.media_roots.n, 2);
    config_done(&c);
}

static void origins(void **state)
{
    static const char text[] = "\nmedia-root = /c\nsocket-group = g\nmedia-root = /d\n";
    struct config c;
    char why[CONFIG_WHY_MAX], where[CONFIG_ORIGIN_MAX];
    config_init(&c);
    c.file = strdup("/etc/x.conf");
    assert_int_equal(config_read_text(&c, text, sizeof text - 1, "f", why), 0);
    assert_string_equal(config_tell_origin(&c, "media-root", 0, where), "/etc/x.conf, line 2");
    assert_string_equal(config_tell_origin(&c, "media-root", 1, where), "/etc/x.conf, line 4");
    assert_string_equal(config_tell_origin(&c, "socket-group", 0, where), "/etc/x.conf, line 3");
    config_done(&c);
}

static char dir[TEST_DIR_BYTES];
static char path[TEST_DIR_BYTES + 16];

static int set_up(void **state)
{
    test_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/conf", dir);
    return clearenv();
}

static int tear_down(void **state)
{
    (void)unlink(path);
    return rmdir(dir);
}

static void expect_bad(const char *name, const char *text)
{
    char *argv[] = { strdup("tuttid"), strdup("--config"), strdup(name), NULL };
    struct config c;
    char why[CONFIG_WHY_MAX] = "";
    enum config_result r = config_load(3, argv, &c, why);
    config_done(&c);
    for (size_t i = 0; i < 3; i++)
        free(argv[i]);
    assert_int_equal(r, CONFIG_BAD);
    if (!strstr(why, text))
        print_error("said: %s\n", why);
    assert_non_null(strstr(why, text));
    assert_non_null(strstr(why, name));
}

static void files_that_cannot_be_read(void **state)
{
    expect_bad(path, "No such file");
    expect_bad(dir, "no file of a sensible size");
    expect_bad("/dev/null", "no file of a sensible size");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_bad(path, "no file of a sensible size"); /* and nobody waits for its writer */
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    expect_bad(path, "no file of a sensible size");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(write(fd, "\nx = 1\n", 7), 7);
    assert_int_equal(close(fd), 0);
    expect_bad(path, "line 2: unknown key \"x\"");
}

/* Standard output goes into the file while the options are read. */
static enum config_result print_with(const char *option, char *text, size_t size)
{
    char *argv[] = { strdup("tuttid"), strdup(option), NULL };
    struct config c;
    char why[CONFIG_WHY_MAX];
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
    enum config_result r = config_load(2, argv, &c, why);
    (void)fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    config_done(&c);
    free(argv[0]);
    free(argv[1]);
    return r;
}

static void help_and_version(void **state)
{
    static const char *const options[] = {
        "--runtime-dir DIR",
        "--control PATH",
        "--audio PATH",
        "--socket-group NAME",
        "--max-workers N",
        "--warm-workers N",
        "--worker-idle SECONDS",
        "--client-grace SECONDS",
        "--buffer SECONDS",
        "--bitrate BITS",
        "--complexity N",
        "--media-root DIR",
        "--allow-host NAME",
        "--http-proxy URL",
        "--allow-private-hosts",
        "--extract-proxy URL",
        "--connect-timeout",
        "--stall-timeout",
        "--give-up SECONDS",
        "--yt-dlp PATH",
        "--extract-jobs N",
        "--extract-timeout",
        "--require-sandbox",
        "--log-level LEVEL",
        "--log-format text|json",
        "--config FILE",
        "--help",
        "--version",
    };
    static char text[8192];
    assert_int_equal(print_with("--help", text, sizeof text), CONFIG_EXIT);
    for (size_t i = 0; i < LENGTH_OF(options); i++)
        ROW_TRUE(options[i], strstr(text, options[i]) != NULL);
    assert_int_equal(print_with("--version", text, sizeof text), CONFIG_EXIT);
    assert_string_equal(text, "tuttid " TUTTI_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(lines_that_are_no_text),
        cmocka_unit_test(a_key_twice),
        cmocka_unit_test(origins),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_and_version, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
