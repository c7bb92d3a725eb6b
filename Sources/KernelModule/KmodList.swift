// SPDX-License-Identifier: MIT
import CKmod

/// The elements of a libkmod list, in order. The list stays the caller's to free.
///
/// Unsafe because the elements are valid only as long as the list.
///
/// The corresponding C macro is `kmod_list_foreach`.
@unsafe func elements(of list: OpaquePointer?) -> [OpaquePointer] {
    var elements: [OpaquePointer] = unsafe []
    var current = unsafe list
    while let element = unsafe current {
        unsafe elements.append(element)
        unsafe current = kmod_list_next(list, element)
    }
    return unsafe elements
}

/// The modules of a libkmod list, each with a reference of its own; frees the list.
@unsafe func takeModules(from list: OpaquePointer?) -> [ModuleHandle] {
    let modules = unsafe elements(of: list).compactMap { unsafe kmod_module_get_module($0) }
    // An empty list is NULL, which the library refuses to free.
    if unsafe list != nil { unsafe kmod_module_unref_list(list) }
    return unsafe modules.map { unsafe ModuleHandle(owning: $0) }
}
