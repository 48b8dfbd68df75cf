# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions that do not return, by name: behind a call to one, nothing says that there is code.

Compilers know them by attributes that files do not keep. The names are those of the GNU C library's headers,
of the C++ ABI and libstdc++, and of Linux, tools/objtool/noreturns.h (in tools/objtool/check.c before 6.4).
"""

_C = """
    exit _exit _Exit abort quick_exit longjmp _longjmp siglongjmp __longjmp_chk __stack_chk_fail
    __stack_chk_fail_local __fortify_fail __chk_fail __assert_fail __assert_perror_fail __assert __libc_fatal
    __libc_start_main pthread_exit thrd_exit __pthread_unwind __pthread_unwind_next __libc_assert_fail
    __GI_exit __GI__exit __GI_abort __GI___assert_fail __GI___fortify_fail _dl_fatal_printf
"""
_CXX = """
    __cxa_throw __cxa_rethrow __cxa_bad_cast __cxa_bad_typeid __cxa_throw_bad_array_new_length
    __cxa_throw_bad_array_length __cxa_pure_virtual __cxa_deleted_virtual __cxa_call_unexpected
    __cxa_call_terminate _Unwind_Resume _ZSt9terminatev _ZSt10unexpectedv __clang_call_terminate
    _ZN10__cxxabiv111__terminateEPFvvE
"""
_LINUX = """
    panic nmi_panic_self_stop panic_smp_self_stop do_exit do_group_exit make_task_dead do_task_dead kthread_exit
    kthread_complete_and_exit complete_and_exit __module_put_and_kthread_exit __module_put_and_exit
    rewind_stack_and_make_dead rewind_stack_do_exit cpu_startup_entry start_kernel i386_start_kernel
    x86_64_start_kernel x86_64_start_reservations rest_init arch_call_rest_init machine_real_restart
    stop_this_cpu hlt_play_dead cpu_bringup_and_idle xen_start_kernel xen_cpu_bringup_again ex_handler_msr_mce
    fortify_panic __fortify_panic __invalid_creds usercopy_abort sev_es_terminate snp_abort btrfs_assertfail
    lbug_with_loc mpt_halt_firmware __reiserfs_panic kunit_try_catch_throw __ubsan_handle_builtin_unreachable
"""

NAMES = frozenset(f"{_C} {_CXX} {_LINUX}".split())
#: Names that a program may well use for a function of its own: taken for the C library's only when imported.
IMPORTED = frozenset(["err", "errx", "verr", "verrx"])


def never_returns(name: str, imported: bool = False) -> bool:
    """Whether a function of this name is known not to return; a version or "@plt" behind it does not matter."""
    plain = name if name in NAMES else name.partition("@")[0]
    if plain in NAMES or (imported and plain in IMPORTED):
        return True
    return plain.startswith(("_ZSt", "_ZN4core9panicking")) and ("__throw_" in plain or "panicking" in plain)
