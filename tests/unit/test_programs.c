/* Which paths a program of unknown make may read. */
#include "sandbox/programs.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

static struct {
    struct programs p;
    char dir[TEST_DIR_BYTES];
    char file[TEST_DIR_BYTES + 16], link[TEST_DIR_BYTES + 16];
} f;

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    test_dir_make(f.dir);
    (void)snprintf(f.file, sizeof f.file, "%s/program", f.dir);
    (void)snprintf(f.link, sizeof f.link, "%s/link", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    programs_done(&f.p);
    assert_int_equal(f.p.n_paths, 0);
    (void)unlink(f.file);
    (void)unlink(f.link);
    return rmdir(f.dir);
}

static bool has(const char *path, bool writable)
{
    for (size_t i = 0; i < f.p.n_paths; i++) {
        if (strcmp(f.p.paths[i].path, path) == 0)
            return f.p.paths[i].writable == writable;
    }
    return false;
}

static void write_file(const char *text)
{
    FILE *file = fopen(f.file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f.file, 0755), 0);
}

/* A directory and what was installed beside it, but never a home or the root. */
static void directories_of_path(void **state)
{
    static const struct {
        const char *path;
        const char *want; /* with a blank between them */
    } rows[] = {
        { "/opt/x/bin", "/opt/x/bin /opt/x" },
        { "/opt/x/bin//", "/opt/x/bin /opt/x" },
        { "/srv/me/.local/bin", "/srv/me/.local/bin /srv/me/.local" },
        { "/srv/me/bin", "/srv/me/bin" },
        { "/srv/me", "" },
        { "/home"
          "/other",
          "/home"
          "/other" },
        { "/bin", "/bin" },
        { "/", "" },
        { "", "" },
        { "bin:.:../x", "" },
        { "/a/b:/c", "/a/b /a /c" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char got[512] = "";
        programs_add_path(&f.p, rows[i].path, "/srv/me");
        for (size_t k = 0; k < f.p.n_paths; k++) {
            (void)strcat(got, k ? " " : "");
            (void)strcat(got, f.p.paths[k].path);
            assert_false(f.p.paths[k].writable);
        }
        ROW_TRUE(rows[i].path, strcmp(got, rows[i].want) == 0);
        programs_done(&f.p);
    }
    programs_add_path(&f.p, NULL, NULL);
    assert_int_equal(f.p.n_paths, 0);
}

static void there_is_an_end_of_them(void **state)
{
    for (int i = 0; i < PROGRAMS_PATHS_MAX; i++)
        assert_int_equal(programs_add(&f.p, "/x", false), 0);
    assert_int_equal(programs_add(&f.p, "/x", false), -E2BIG);
    programs_add_path(&f.p, "/a/b:/c/d", NULL);
    assert_int_equal(f.p.n_paths, PROGRAMS_PATHS_MAX);
}

/* A script by a link: both places, and the interpreter that its first line names. */
static void a_script_with_an_interpreter(void **state)
{
    char real[PATH_MAX];
    write_file("#! /usr/bin/env python3\n");
    assert_int_equal(symlink(f.file, f.link), 0);
    programs_add_program(&f.p, f.link, NULL);
    assert_non_null(realpath("/usr/bin/env", real));
    assert_true(has(f.link, false) && has(f.file, false) && has(f.dir, false));
    assert_true(has("/usr/bin/env", false) && has(real, false));
}

static void first_lines_that_name_none(void **state)
{
    static const char *const lines[] = { "", "#!", "#!x", "#! python3\n", "\177ELF", "# /bin/sh" };
    for (size_t i = 0; i < LENGTH_OF(lines); i++) {
        write_file(lines[i]);
        programs_add_program(&f.p, f.file, NULL);
        size_t n = f.p.n_paths;
        for (size_t k = 0; k < n; k++)
            ROW_TRUE(lines[i],
                     strncmp(f.p.paths[k].path, f.dir, strlen(f.dir)) == 0 ||
                         strncmp(f.dir, f.p.paths[k].path, strlen(f.p.paths[k].path)) == 0);
        programs_done(&f.p);
    }
    programs_add_program(&f.p, "/nonexistent/program", NULL);
    assert_true(has("/nonexistent/program", false));
}

/* One that unpacks itself has a place of its own for that; a script needs none. */
static void scratch(void **state)
{
    char own[PATH_MAX];
    struct stat st;
    assert_int_equal(setenv("TMPDIR", f.dir, 1), 0);
    write_file("#!/bin/sh\n");
    programs_add_scratch(&f.p, f.file);
    assert_int_equal(f.p.n_paths, 0);
    write_file("\x7f"
               "ELF");
    programs_add_scratch(&f.p, f.file);
    assert_int_equal(f.p.n_paths, 1);
    (void)snprintf(own, sizeof own, "%s/tutti-extract-%u", f.dir, (unsigned)geteuid());
    assert_true(has(own, true));
    assert_string_equal(getenv("TMPDIR"), own);
    assert_int_equal(stat(own, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    /* One that others may write to is nobody's. */
    programs_done(&f.p);
    assert_int_equal(setenv("TMPDIR", f.dir, 1), 0);
    assert_int_equal(chmod(own, 0777), 0);
    programs_add_scratch(&f.p, f.file);
    assert_int_equal(f.p.n_paths, 0);
    assert_string_equal(getenv("TMPDIR"), f.dir);
    assert_int_equal(rmdir(own), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(directories_of_path),
        TEST(there_is_an_end_of_them),
        TEST(a_script_with_an_interpreter),
        TEST(first_lines_that_name_none),
        TEST(scratch),
    };
    (void)unsetenv("TMPDIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
