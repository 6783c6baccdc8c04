/* Runs a fuzzer over every file named, and over every file of every directory named. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, FILE_BYTES_MAX = 1 << 20 };

static unsigned n_run;

static void fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

/* The copy has the input's size and no more, so that a sanitizer sees a byte too far. */
static void run_file(const char *path)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail(path);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    if (ferror(f))
        fail(path);
    (void)fclose(f);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        fail(path);
    memcpy(copy, bytes, size);
    if (LLVMFuzzerTestOneInput(copy, size) != 0)
        fail(path);
    free(copy);
    n_run++;
}

static void run_directory(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    if (!d)
        fail(path);
    while ((e = readdir(d)) != NULL) {
        char name[PATH_BYTES];
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        run_file(name);
    }
    (void)closedir(d);
}

int main(int argc, char **argv)
{
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) < 0)
            fail(argv[i]);
        if (S_ISDIR(st.st_mode))
            run_directory(argv[i]);
        else
            run_file(argv[i]);
    }
    printf("%u inputs\n", n_run);
    return n_run > 0 ? 0 : 1; /* seeds that are not found prove nothing */
}
