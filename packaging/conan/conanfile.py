r"""Conan 2: packages an install prefix that is built already, for those who keep their libraries in a Conan remote of
their own.

    conan create packaging/conan --version 0.1.0 -c user.wxsub:prefix=PATH/wxsub-0.1.0-x86_64-linux-gnu \
        [-o "wxsub/*:shared=True"]

Consumers get what the prefix itself offers: find_package(wxsub) and pkg-config's wxsub. With shared=False these are the
static archive, also by the names wxsub::wxsub_static and wxsub-static.
"""

import os
import re

from conan import ConanFile
from conan.errors import ConanException, ConanInvalidConfiguration
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class Wxsub(ConanFile):
    name = "wxsub"
    description = "WeChat mini-game subscribe messages for game servers"
    license = "MIT OR Apache-2.0"
    topics = ("wechat", "mini-game", "game-server")
    package_type = "library"
    settings = "os", "arch"
    options = {"shared": [True, False]}
    default_options = {"shared": False}

    @property
    def _prefix(self):
        prefix = self.conf.get("user.wxsub:prefix", check_type=str)
        if not prefix or not os.path.isfile(os.path.join(prefix, "include", "wxsub.h")):
            raise ConanException(f"user.wxsub:prefix must name an install prefix of wxsub; it is {prefix!r}")
        return prefix

    def config_options(self):
        if self.settings.os == "Windows":
            # There is no static archive for Windows.
            self.options.shared = True

    def validate(self):
        if self.settings.os not in ("Linux", "Windows") or self.settings.arch not in ("x86_64", "armv8"):
            raise ConanInvalidConfiguration("wxsub is built for Linux on x86_64 and armv8, and for Windows on x86_64")
        if self.settings.os == "Windows" and not self.options.shared:
            raise ConanInvalidConfiguration("there is no static archive of wxsub for Windows")

    def _said(self, what):
        """What the prefix's own CMake file says of it."""
        text = load(self, os.path.join(self._prefix, "lib", "cmake", "wxsub", "wxsub-config-version.cmake"))
        found = re.search(rf'{what} "([^"]+)"', text)
        if not found:
            raise ConanException(f"{self._prefix} does not say its {what}")
        return found.group(1)

    def package(self):
        system, processors = self._said("CMAKE_SYSTEM_NAME STREQUAL"), self._said("CMAKE_SYSTEM_PROCESSOR MATCHES")
        arch = "x86_64" if "x86_64" in processors else "armv8"
        if (system, arch) != (self.settings.os, self.settings.arch):
            raise ConanException(
                f"{self._prefix} is for {system} on {arch}, not for {self.settings.os} on {self.settings.arch}")
        if self._said("PACKAGE_VERSION") != self.version:
            raise ConanException(f"{self._prefix} is version {self._said('PACKAGE_VERSION')}, not {self.version}")
        program = "bin/wxsub.exe" if self.settings.os == "Windows" else "bin/wxsub"
        for what in ("include/*", "share/doc/*", program):
            copy(self, what, src=self._prefix, dst=self.package_folder)
        # One or the other, so that -lwxsub means it.
        if not self.options.shared:
            libraries = ["lib/libwxsub.a"]
        elif self.settings.os == "Windows":
            libraries = ["bin/wxsub.dll", "lib/libwxsub.dll.a", "lib/wxsub.lib", "lib/wxsub.def"]
        else:
            libraries = ["lib/libwxsub.so*"]
        for what in libraries:
            if not copy(self, what, src=self._prefix, dst=self.package_folder):
                raise ConanException(f"{self._prefix} has no {what}")

    def package_info(self):
        name = "wxsub" if self.options.shared else "wxsub_static"
        self.cpp_info.libs = ["wxsub"]
        self.cpp_info.set_property("cmake_file_name", "wxsub")
        self.cpp_info.set_property("cmake_target_name", f"wxsub::{name}")
        self.cpp_info.set_property("pkg_config_name", name.replace("_", "-"))
        if not self.options.shared:
            self.cpp_info.system_libs = ["pthread", "dl", "m"]
            # A project that names the shared one gets what there is: in Conan, the option decides.
            self.cpp_info.set_property("cmake_target_aliases", ["wxsub::wxsub"])
            self.cpp_info.set_property("pkg_config_aliases", ["wxsub"])
