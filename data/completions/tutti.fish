# Completion of tutti(1) for fish.
set -l commands play pause resume stop next volume seek status stats top watch
set -l bare "not __fish_seen_subcommand_from $commands"
set -l play "__fish_seen_subcommand_from play"

complete -c tutti -f
complete -c tutti -n $bare -a play -d 'Play files in a channel'
complete -c tutti -n $bare -a pause -d 'Hold a channel at its next frame'
complete -c tutti -n $bare -a resume -d 'Go on with the very next frame'
complete -c tutti -n $bare -a stop -d 'End what a channel plays'
complete -c tutti -n $bare -a next -d 'End the track, and go on with the next one'
complete -c tutti -n $bare -a volume -d 'Set the volume of a channel, 0 to 2'
complete -c tutti -n $bare -a seek -d 'Go to another place in the track'
complete -c tutti -n $bare -a status -d 'List the sessions'
complete -c tutti -n $bare -a stats -d 'Show counters and lateness'
complete -c tutti -n $bare -a top -d 'Show a live table of all channels'
complete -c tutti -n $bare -a watch -d 'Print the events of all sessions as JSON lines'

complete -c tutti -n "__fish_seen_subcommand_from play pause resume stop next volume seek status watch" \
    -s c -l channel -x -d 'The channel, a Discord snowflake'
complete -c tutti -n $play -F
complete -c tutti -n $play -s v -l volume -x -d 'Volume, 0 to 2 or 0% to 200%'
complete -c tutti -n $play -s p -l position -x -d 'Start: seconds or [H:]MM:SS'
complete -c tutti -n $play -s o -l out -r -F -d 'Write an Ogg Opus file, - for standard output'
complete -c tutti -n $play -l next -d 'Behind what the channel plays'
complete -c tutti -n $play -l realtime -d 'With --out: at the speed of playing'
complete -c tutti -n $play -l wait -d 'Wait for a bot to listen'
complete -c tutti -n $play -l private -d 'Start a private daemon although one is running'
complete -c tutti -n "__fish_seen_subcommand_from status stats" -s j -l json -d 'Answer as JSON'
complete -c tutti -n "__fish_seen_subcommand_from top" -s d -l delay -x -d 'Seconds between two looks'

complete -c tutti -l runtime-dir -x -a '(__fish_complete_directories)' -d 'Directory of the sockets'
complete -c tutti -l control -r -F -d 'Path of the control socket'
complete -c tutti -l audio -r -F -d 'Path of the audio socket'
complete -c tutti -n $bare -s V -l version -d 'Print the version'
complete -c tutti -s h -l help -d 'Say how to use it'
