/* The program: picks the command and runs it. Commands that are not the program's own come from the module `cli`, which is
 * loaded only when one of them (or the list of all) is asked for. */
#include "agent_private.h"
#include "loader.h"

#include <stdio.h>
#include <string.h>

/* Exit code for "no such command", as Consul has it. */
#define EXIT_UNKNOWN 127

struct commands {
    const struct co_command *items;
    size_t count;
};

static struct commands load_cli(struct co_arena *arena, struct co_error *error) {
    struct co_loaded loaded;
    if (co_loader_open(arena, "cli", NULL, &loaded, error)) return (struct commands){NULL, 0};
    const struct co_offer *offer = co_module_offer(loaded.module, CO_OFFER_COMMANDS);
    return offer ? (struct commands){offer->table, offer->count} : (struct commands){NULL, 0};
}

/* The command whose words are the most of argv's first ones. `*words`: how many. */
static const struct co_command *match(struct commands commands, int argc, char **argv, int *words) {
    const struct co_command *best = NULL;
    *words = 0;
    for (size_t i = 0; i < commands.count; i++) {
        const char *at = commands.items[i].name;
        int matched = 0;
        while (*at && matched < argc) {
            size_t size = strcspn(at, " ");
            if (strlen(argv[matched]) != size || strncmp(at, argv[matched], size) != 0) break;
            at += size + (at[size] == ' ');
            matched++;
        }
        if (*at || matched <= *words) continue;
        best = &commands.items[i];
        *words = matched;
    }
    return best;
}

static void list(FILE *out, const char *title, struct commands commands) {
    if (commands.count == 0) return;
    fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < commands.count; i++)
        if (!strchr(commands.items[i].name, ' '))
            fprintf(out, "    %-14s %s\n", commands.items[i].name, commands.items[i].summary);
}

static void usage(FILE *out, struct co_arena *arena) {
    struct co_error error = {0};
    struct commands cli = load_cli(arena, &error);
    fputs("Usage: cohort [-version] [-help] <command> [<args>]\n", out);
    list(out, "Run and set up an agent:", (struct commands){co_commands, co_command_count});
    list(out, "Ask and change a running agent:", cli);
    if (cli.count == 0) fprintf(out, "\nThe commands that talk to a running agent are missing: %s\n", error.text);
    fputs("\n\"cohort <command> -h\" explains a command.\n", out);
}

static int unknown(struct co_arena *arena, struct commands cli, const char *word) {
    const char **names = co_arena_array(arena, const char *, co_command_count + cli.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < co_command_count; i++) names[count++] = co_commands[i].name;
    for (size_t i = 0; i < cli.count; i++)
        if (!strchr(cli.items[i].name, ' ')) names[count++] = cli.items[i].name;
    const char *near = co_nearest(word, (struct co_strings){names, count});
    fprintf(stderr, "cohort has no command \"%s\"", word);
    if (near) fprintf(stderr, "; did you mean \"%s\"?", near);
    fputs("\n\n", stderr);
    usage(stderr, arena);
    return EXIT_UNKNOWN;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv) {
    struct co_arena arena = CO_ARENA_INIT;
    struct commands own = {co_commands, co_command_count};
    int code = EXIT_UNKNOWN, words;
    if (argc < 2) {
        usage(stderr, &arena);
        goto out;
    }
    if (is_one_of(argv[1], "-h", "-help", "--help")) {
        usage(stdout, &arena);
        code = 0;
        goto out;
    }
    if (is_one_of(argv[1], "-v", "-version", "--version")) {
        code = co_cmd_version(NULL, 1, argv);
        goto out;
    }
    const struct co_command *command = match(own, argc - 1, argv + 1, &words);
    struct co_error error = {0};
    struct commands cli = {NULL, 0};
    if (!command) {
        cli = load_cli(&arena, &error);
        command = match(cli, argc - 1, argv + 1, &words);
    }
    if (command)
        code = command->run(command, argc - words, argv + words);
    else
        code = unknown(&arena, cli, argv[1]);
out:
    co_arena_fini(&arena);
    return code;
}
