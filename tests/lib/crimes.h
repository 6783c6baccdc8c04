/*
 * What a confined process must not be able to do (and a few things that it must), to be tried from
 * inside: by a child, behind the walls of a profile or some of them.
 */
#ifndef TUTTI_TESTS_CRIMES_H
#define TUTTI_TESTS_CRIMES_H

#include "sandbox/sandbox.h"

#include <netinet/in.h>
#include <sys/types.h>
#include <sys/un.h>

#include "unit.h"

/* What is there to be attempted upon. */
extern struct crime_scene {
    char dir[TEST_DIR_BYTES];
    char file[TEST_DIR_BYTES + 16]; /* there, and readable */
    int read_only;                  /* that file, as a source is handed over */
    int memory;                     /* a memfd */
    int tcp;                        /* a socket that is connected to nothing yet */
    int local;                      /* the same in the abstract Unix name space */
    struct sockaddr_in address;     /* somebody listens here … */
    struct sockaddr_un name;        /* … and here */
    pid_t parent;
} f;

/* Each returns 0 if it worked, or errno. */
int run_program(void);
int open_to_read(void);
int open_to_write(void);
int make_file(void);
int open_anew(void);
int list_root(void);
int remove_file(void);
int make_directory(void);
int look_at_file(void);
int change_mode(void);
int open_socket(void);
int open_unix_socket(void);
int open_disguised_unix_socket(void);
int pair_streams(void);
int pair_datagrams(void);
int pair_raw(void);
int connect_tcp(void);
int connect_unix(void);
int trace_parent(void);
int read_parent(void);
int signal_parent(void);
int signal_thread_of_parent(void);
int make_process(void);
int make_sibling(void);
int make_process_anew(void);
int make_thread(void);
int map_code(void);
int make_code(void);
int write_to_source(void);
int write_to_memory(void);
int write_inside(void);
int cut_memory(void);
int change_source(void);
int make_namespace(void);
int load_bpf(void);
int start_ring(void);
int handle_signals(void);
int raise_limit(void);
int become_dumpable(void);
int take_memory(void);
int take_address_space(void);
int listen_tcp(void);
int open_packet_socket(void);
int resolve_name(void);
int read_hosts(void);
int run_script(void);
int has_capabilities(void);
int type_into_terminal(void);
int ask_how_much_waits(void);
int leave_session(void);
int leave_group(void);
int limit_parent(void);
int move_parent(void);
int reschedule_parent(void);
int slow_parent(void);
int slow_group(void);
int change_itself(void);

enum walls { ALL, ONLY_SECCOMP, ONLY_LANDLOCK, ONLY_BOUNDS };

/* What became of the child. */
struct outcome {
    int status; /* of waitpid */
    char said[512];
};

/* What to expect of an attempt, beside an errno. */
enum {
    DIES = -1,
    UNSTOPPED = -2 /* this wall is not for that */,
    NEEDS_NET = 1000,
    NEEDS_SCOPE = 2000
};

/* A child enters the walls and tries it, its standard error a pipe. */
struct outcome attempt(enum sandbox_profile profile, enum walls walls, int (*act)(void));

/* Fails unless the outcome is as expected; `call` is what a child that DIES must have named,
 * empty if that depends on the C library. */
void check(const char *name, struct outcome o, int expected, const char *call);

/* Skips the test where the kernel or the build lacks one of the walls. */
void need(unsigned walls);

/* For cmocka: once for all tests, and for each one. */
int crimes_set_up(void **state);
int crimes_tear_down(void **state);
int crimes_open(void **state);
int crimes_close(void **state);

#endif
