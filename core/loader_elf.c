/* Is this file a whole shared object? The dynamic linker maps what the headers promise and dies of SIGBUS when the file is shorter, so
 * a truncated module must be found before dlopen. Knows no more of ELF than where segments end. */
#include "loader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 256 };

static co_status check(int fd, const char *file, struct co_error *error) {
    struct stat info;
    ElfW(Ehdr) header;
    if (fstat(fd, &info)) return co_fail_errno(error, errno, "%s cannot be read", file);
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return co_fail(error, CO_INVALID, "%s cannot be loaded: it is not a shared object; build it with cohort_module()", file);
    if (header.e_phnum > SEGMENTS_MAX || header.e_phentsize != sizeof(ElfW(Phdr)))
        return CO_OK; /* of another kind of machine: the dynamic linker says so */
    for (int i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        off_t at = (off_t)header.e_phoff + (off_t)i * (off_t)sizeof segment;
        bool is_there = pread(fd, &segment, sizeof segment, at) == (ssize_t)sizeof segment;
        uint64_t size = (uint64_t)info.st_size;
        if (is_there && segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset) continue;
        return co_fail(error, CO_CORRUPT, "%s cannot be loaded: the file is cut short at %llu bytes; build or copy it again", file,
                       (unsigned long long)size);
    }
    return CO_OK;
}

co_status co_loader_check_file(const char *file, struct co_error *error) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return co_fail_errno(error, errno, "%s cannot be read", file);
    co_status status = check(fd, file, error);
    close(fd);
    return status;
}
