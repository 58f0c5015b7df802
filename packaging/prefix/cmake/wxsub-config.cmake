# find_package(wxsub) defines
#   wxsub::wxsub         the shared library
#   wxsub::wxsub_static  the static archive, where the package has one (not on Windows)
# Components "shared" and "static" ask for one or the other: find_package(wxsub REQUIRED COMPONENTS static).
#
# Works with CMake 2.8.12 and newer. Everything is found relative to this file, so the prefix may be moved. REALPATH: on
# a system where /lib is a link to /usr/lib, three folders up from /lib/cmake/wxsub is not the prefix.
get_filename_component(_wxsub_prefix "${CMAKE_CURRENT_LIST_DIR}" REALPATH)
get_filename_component(_wxsub_prefix "${_wxsub_prefix}/../../.." ABSOLUTE)

set(wxsub_shared_FOUND FALSE)
set(wxsub_static_FOUND FALSE)

if(EXISTS "${_wxsub_prefix}/bin/wxsub.dll")
  set(_wxsub_shared "${_wxsub_prefix}/bin/wxsub.dll")
  if(MSVC)
    set(_wxsub_import "${_wxsub_prefix}/lib/wxsub.lib")
  else()
    set(_wxsub_import "${_wxsub_prefix}/lib/libwxsub.dll.a")
  endif()
else()
  set(_wxsub_shared "${_wxsub_prefix}/lib/libwxsub.so")
  set(_wxsub_import "")
endif()

if(EXISTS "${_wxsub_shared}")
  set(wxsub_shared_FOUND TRUE)
  if(NOT TARGET wxsub::wxsub)
    add_library(wxsub::wxsub SHARED IMPORTED)
    set_target_properties(wxsub::wxsub PROPERTIES
      IMPORTED_LOCATION "${_wxsub_shared}"
      INTERFACE_INCLUDE_DIRECTORIES "${_wxsub_prefix}/include")
    if(_wxsub_import)
      set_target_properties(wxsub::wxsub PROPERTIES IMPORTED_IMPLIB "${_wxsub_import}")
    else()
      set_target_properties(wxsub::wxsub PROPERTIES IMPORTED_SONAME libwxsub.so.1)
    endif()
  endif()
endif()

if(EXISTS "${_wxsub_prefix}/lib/libwxsub.a")
  set(wxsub_static_FOUND TRUE)
  if(NOT TARGET wxsub::wxsub_static)
    add_library(wxsub::wxsub_static STATIC IMPORTED)
    # No find_dependency(Threads): in a project of C++ alone it fails with older versions of CMake.
    set_target_properties(wxsub::wxsub_static PROPERTIES
      IMPORTED_LOCATION "${_wxsub_prefix}/lib/libwxsub.a"
      IMPORTED_LINK_INTERFACE_LANGUAGES C
      INTERFACE_INCLUDE_DIRECTORIES "${_wxsub_prefix}/include"
      INTERFACE_LINK_LIBRARIES "pthread;dl;m")
  endif()
endif()

foreach(_wxsub_component IN LISTS wxsub_FIND_COMPONENTS)
  if(wxsub_FIND_REQUIRED_${_wxsub_component} AND NOT wxsub_${_wxsub_component}_FOUND)
    set(wxsub_FOUND FALSE)
    set(wxsub_NOT_FOUND_MESSAGE "${_wxsub_prefix} has no component \"${_wxsub_component}\" (shared, static)")
  endif()
endforeach()
if(NOT wxsub_shared_FOUND AND NOT wxsub_static_FOUND)
  set(wxsub_FOUND FALSE)
  set(wxsub_NOT_FOUND_MESSAGE "neither a shared library nor a static archive is in ${_wxsub_prefix}")
endif()

unset(_wxsub_prefix)
unset(_wxsub_shared)
unset(_wxsub_import)
unset(_wxsub_component)
