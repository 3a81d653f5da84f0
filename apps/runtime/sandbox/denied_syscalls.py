"""System calls a bot is refused: name, number on x86_64, number on aarch64 (- where there is none).

Numbers are those of the kernel's asm/unistd_64.h and asm-generic/unistd.h.
"""

_TABLE = """
# sockets, io_uring included: it can make them too
socket 41 198
socketpair 53 199
connect 42 203
accept 43 202
accept4 288 242
bind 49 200
listen 50 201
sendto 44 206
recvfrom 45 207
sendmsg 46 211
recvmsg 47 212
sendmmsg 307 269
recvmmsg 299 243
setsockopt 54 208
getsockopt 55 209
getsockname 51 204
getpeername 52 205
shutdown 48 210
io_uring_setup 425 425
io_uring_enter 426 426
io_uring_register 427 427
# other processes: starting, signalling, reading, tracing
fork 57 -
vfork 58 -
execve 59 221
execveat 322 281
kill 62 129
tkill 200 130
rt_sigqueueinfo 129 138
rt_tgsigqueueinfo 297 240
pidfd_open 434 434
pidfd_send_signal 424 424
pidfd_getfd 438 438
ptrace 101 117
process_vm_readv 310 270
process_vm_writev 311 271
process_madvise 440 440
process_mrelease 448 448
kcmp 312 272
# own restrictions and namespaces
prctl 157 167
arch_prctl 158 -
setns 308 268
unshare 272 97
mount 165 40
umount2 166 39
pivot_root 155 41
chroot 161 51
move_mount 429 429
open_tree 428 428
fsopen 430 430
fsconfig 431 431
fsmount 432 432
fspick 433 433
mount_setattr 442 442
# kernel interfaces no bot needs
bpf 321 280
perf_event_open 298 241
userfaultfd 323 282
seccomp 317 277
keyctl 250 219
add_key 248 217
request_key 249 218
init_module 175 105
finit_module 313 273
delete_module 176 106
kexec_load 246 104
kexec_file_load 320 294
reboot 169 142
swapon 167 224
swapoff 168 225
acct 163 89
quotactl 179 60
quotactl_fd 443 443
syslog 103 116
sethostname 170 161
setdomainname 171 162
settimeofday 164 170
clock_settime 227 112
clock_adjtime 305 266
adjtimex 159 171
# identity
setuid 105 146
setgid 106 144
setreuid 113 145
setregid 114 143
setresuid 117 147
setresgid 119 149
setfsuid 122 151
setfsgid 123 152
setgroups 116 159
capset 126 91
setsid 112 157
setpgid 109 154
# paths by handle, devices and links
name_to_handle_at 303 264
open_by_handle_at 304 265
mknod 133 -
mknodat 259 33
link 86 -
linkat 265 37
symlink 88 -
symlinkat 266 36
# shared memory and queues outside the file system
shmget 29 194
shmat 30 196
shmctl 31 195
semget 64 190
semop 65 193
semctl 66 191
msgget 68 186
msgsnd 69 189
msgrcv 70 188
msgctl 71 187
mq_open 240 180
mq_unlink 241 181
memfd_create 319 279
memfd_secret 447 447
fanotify_init 300 262
fanotify_mark 301 263
inotify_init 253 -
inotify_init1 294 26
inotify_add_watch 254 27
# scheduling of others, and rarely used corners
setpriority 141 140
sched_setaffinity 203 122
sched_setscheduler 144 119
sched_setparam 142 118
sched_setattr 314 274
ioprio_set 251 30
migrate_pages 256 238
move_pages 279 239
mbind 237 235
set_mempolicy 238 237
personality 135 92
iopl 172 -
ioperm 173 -
modify_ldt 154 -
vhangup 153 58
nfsservctl 180 42
lookup_dcookie 212 18
vmsplice 278 75
splice 275 76
tee 276 77
chown 92 -
fchown 93 55
lchown 94 -
fchownat 260 54
setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
"""

# What came to the kernel after this table was written is answered as if it had not.
SYSCALL_NUMBER_MAX = 456


def denied(machine: str) -> dict[str, int]:
    """The refused calls of an architecture by name."""
    column = {"x86_64": 1, "aarch64": 2}[machine]
    rows = [line.split() for line in _TABLE.splitlines() if line and not line.startswith("#")]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
