/* The subcommands. Each takes its own argument vector, the subcommand's name in front, and returns
 * the exit code of the program. */
#ifndef TUTTI_CLI_COMMANDS_H
#define TUTTI_CLI_COMMANDS_H

int play_main(int argc, char **argv);
int pause_main(int argc, char **argv);
int resume_main(int argc, char **argv);
int stop_main(int argc, char **argv);
int next_main(int argc, char **argv);
int volume_main(int argc, char **argv);
int seek_main(int argc, char **argv);
int status_main(int argc, char **argv);
int stats_main(int argc, char **argv);
int top_main(int argc, char **argv);
int watch_main(int argc, char **argv);

#endif
