/* The module `cli`: one table of commands. Nothing happens here. */
#include "cli.h"
#include "cohort/module.h"

const struct co_command cli_commands[] = {
    {"catalog", "List datacenters, nodes and services of the catalog",
     "Asks the catalog, which knows the services of all nodes.", cli_group},
    {"catalog datacenters", "List all known datacenters", "Usage: cohort catalog datacenters [options]",
     cli_catalog_datacenters},
    {"catalog nodes", "List the nodes of a datacenter", "Usage: cohort catalog nodes [options]", cli_catalog_nodes},
    {"catalog services", "List the services of a datacenter", "Usage: cohort catalog services [options]",
     cli_catalog_services},
    {"info", "Show what the agent says of itself", "Usage: cohort info [options]", cli_info},
    {"kv", "Read and write the key/value store",
     "Values are at most 512 KiB. A first example:\n\n      $ cohort kv put config/limit 5\n      $ cohort kv get "
     "config/limit",
     cli_group},
    {"kv delete", "Remove a key, or a tree of keys", "Usage: cohort kv delete [options] KEY_OR_PREFIX", cli_kv_delete},
    {"kv export", "Print a tree of keys as JSON", "Usage: cohort kv export [options] [PREFIX]", cli_kv_export},
    {"kv get", "Print the value of a key, or list keys", "Usage: cohort kv get [options] [KEY_OR_PREFIX]", cli_kv_get},
    {"kv import", "Write a tree of keys from JSON",
     "Usage: cohort kv import [options] DATA\n\n  DATA is JSON, @file, or - for standard input.", cli_kv_import},
    {"kv put", "Write a value",
     "Usage: cohort kv put [options] KEY [DATA]\n\n  DATA is the value, @file, or - for standard input; without it the "
     "value is empty.",
     cli_kv_put},
    {"leave", "Make the agent leave the cluster gracefully and end", "Usage: cohort leave [options]", cli_leave},
    {"maint", "Put the node or a service into maintenance, or back",
     "Usage: cohort maint [options]\n\n  Without -enable or -disable: shows what is in maintenance.", cli_maint},
    {"members", "List the members of the cluster", "Usage: cohort members [options]", cli_members},
    {"reload", "Make the agent read its configuration again", "Usage: cohort reload [options]", cli_reload},
    {"services", "Register and deregister services with the agent",
     "Works on the services of the agent that is asked; see also `cohort catalog`.", cli_group},
    {"services deregister", "Deregister services",
     "Usage: cohort services deregister [options] [FILE...]\n\n  Names the service by -id, or those in files in "
     "Consul's format.",
     cli_services_deregister},
    {"services register", "Register services",
     "Usage: cohort services register [options] [FILE...]\n\n  Describes the service by flags, or those in files (HCL "
     "or JSON) in Consul's format.",
     cli_services_register},
};
const size_t cli_command_count = CO_COUNT(cli_commands);

static const struct co_offer offers[] = {
    {CO_OFFER_COMMANDS, "cli", cli_commands, CO_COUNT(cli_commands)},
    {CO_OFFER_END, NULL, NULL, 0},
};

const struct co_module CO_MODULE_SYMBOL(cli) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "cli",
    .summary = "the commands that talk to a running agent",
    .offers = offers,
};
