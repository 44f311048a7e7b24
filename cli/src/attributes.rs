//! Carries the attributes of a file over to its replacement: owner, group, permissions and extended
//! attributes, as far as this process may set them.

use std::fs::{File, Metadata};
use std::io;

#[cfg(not(unix))]
pub(crate) use other::{Attributes, other_names};
#[cfg(unix)]
pub(crate) use unix::{Attributes, other_names};

/// The attributes that a replacement got.
pub(crate) struct AppliedAttributes {
    /// Permissions that the new file has.
    pub(crate) mode: u32,
    /// Names of what could not be kept: `owner`, `group`, `permissions`, `user.comment`.
    pub(crate) lost: Vec<String>,
}

#[cfg(unix)]
mod unix {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{Gid, Uid};

    use super::*;
    use crate::platform;

    /// Returns the number of other names (hard links) of the file.
    pub(crate) fn other_names(file: &Metadata) -> u64 {
        file.nlink().saturating_sub(1)
    }

    /// Owner, group, permissions and extended attributes of an open file.
    #[derive(Debug, Clone)]
    pub(crate) struct Attributes {
        owner: u32,
        group: u32,
        mode: u32,
        extended: Vec<(OsString, Vec<u8>)>,
        /// Extended attributes that cannot be read, or are larger than any system's limit.
        unread: Vec<String>,
        /// See [`other_names`].
        pub(crate) other_names: u64,
    }

    impl Attributes {
        pub(crate) fn of(file: &File) -> io::Result<Self> {
            let metadata = file.metadata()?;
            let mut attributes = Self {
                owner: metadata.uid(),
                group: metadata.gid(),
                mode: metadata.mode() & ALL_RIGHTS,
                extended: Vec::new(),
                unread: Vec::new(),
                other_names: other_names(&metadata),
            };
            attributes.read_extended(file);
            Ok(attributes)
        }

        /// Permissions of the file.
        pub(crate) const fn mode(&self) -> u32 {
            self.mode
        }

        /// Removes the permissions of group and others.
        pub(crate) fn private(mut self) -> Self {
            self.mode &= OWNER_RIGHTS;
            self.extended.retain(|(name, _)| name != ACCESS_LIST);
            self
        }

        /// Sets these attributes on the replacement. What the system refuses is listed, never
        /// fatal: the content matters more.
        pub(crate) fn apply(&self, file: &File) -> AppliedAttributes {
            let mut lost = self.unread.clone();
            let (owner_kept, group_kept) = self.give_owner(file);
            let mut mode = self.mode;
            if !owner_kept {
                lost.push("owner".to_owned());
                mode &= !SET_ID;
            }
            if !group_kept {
                // These permissions were meant for another group.
                lost.push("group".to_owned());
                mode &= !(SET_ID | GROUP_RIGHTS);
            }
            if platform::set_mode(file, mode).is_err() {
                lost.push("permissions".to_owned());
            }
            for (name, value) in &self.extended {
                let for_another_group = !group_kept && name == ACCESS_LIST;
                if for_another_group || set_extended(file, name, value).is_err() {
                    lost.push(shown(name));
                }
            }
            AppliedAttributes { mode, lost }
        }

        /// Returns whether the file belongs to the same owner, and to the same group.
        fn give_owner(&self, file: &File) -> (bool, bool) {
            let Ok(found) = file.metadata() else { return (false, false) };
            let (owner, group) = (Uid::from_raw(self.owner), Gid::from_raw(self.group));
            if (found.uid(), found.gid()) == (self.owner, self.group)
                || rustix::fs::fchown(file, Some(owner), Some(group)).is_ok()
            {
                return (true, true);
            }
            // Changing the owner takes root; changing to one of our own groups does not.
            let group_kept =
                found.gid() == self.group || rustix::fs::fchown(file, None, Some(group)).is_ok();
            (found.uid() == self.owner, group_kept)
        }

        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        fn read_extended(&mut self, file: &File) {
            let Ok(len @ 1..) = rustix::fs::flistxattr_query(file) else { return };
            let mut names = vec![0; len.min(MAX_EXTENDED)];
            let Ok(len) = rustix::fs::flistxattr(file, &mut names[..]) else { return };
            let names = names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty());
            for name in names.map(OsStr::from_bytes) {
                let value = rustix::fs::fgetxattr_query(file, name).and_then(|len| {
                    let mut value = vec![0; len.min(MAX_EXTENDED)];
                    let len = rustix::fs::fgetxattr(file, name, &mut value[..])?;
                    value.truncate(len);
                    Ok(value)
                });
                match value {
                    Ok(value) => self.extended.push((name.to_owned(), value)),
                    Err(_) => self.unread.push(shown(name)),
                }
            }
        }

        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        fn read_extended(&mut self, _file: &File) {}
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn set_extended(file: &File, name: &OsStr, value: &[u8]) -> io::Result<()> {
        // The system labels new files by its own policy, and measures the content that they have.
        if ["security.selinux", "security.ima", "security.evm"].iter().any(|own| name == *own) {
            return Ok(());
        }
        Ok(rustix::fs::fsetxattr(file, name, value, rustix::fs::XattrFlags::empty())?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn set_extended(_file: &File, _name: &OsStr, _value: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn shown(name: &OsStr) -> String {
        crate::report::shown(std::path::Path::new(name))
    }

    /// POSIX access control list: it speaks of the file's own group, too.
    const ACCESS_LIST: &str = "system.posix_acl_access";
    const ALL_RIGHTS: u32 = 0o7777;
    const SET_ID: u32 = 0o6000;
    const GROUP_RIGHTS: u32 = 0o070;
    const OWNER_RIGHTS: u32 = 0o700;
    /// Linux takes 64 KiB for a value and for the list of names; others may take more.
    const MAX_EXTENDED: usize = 1 << 20;
}

#[cfg(not(unix))]
mod other {
    use super::*;

    /// Unknown on this system.
    pub(crate) fn other_names(_file: &Metadata) -> u64 {
        0
    }

    /// On this system a new file inherits the permissions of its directory.
    #[derive(Debug, Clone)]
    pub(crate) struct Attributes {
        pub(crate) other_names: u64,
    }

    impl Attributes {
        pub(crate) fn of(_file: &File) -> io::Result<Self> {
            Ok(Self { other_names: 0 })
        }

        pub(crate) const fn mode(&self) -> u32 {
            crate::platform::PRIVATE
        }

        pub(crate) fn private(self) -> Self {
            self
        }

        pub(crate) fn apply(&self, _file: &File) -> AppliedAttributes {
            AppliedAttributes { mode: self.mode(), lost: Vec::new() }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};

    use super::*;

    #[test]
    fn attributes_go_over_to_the_file_that_takes_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| File::create(dir.path().join(name)).unwrap());
        let has_comment = fsetxattr(&old, "user.comment", b"kept", XattrFlags::empty()).is_ok();
        // Only root may change the owner.
        let root = rustix::process::geteuid().is_root();
        if root {
            fchown(&old, Some(12), Some(34)).unwrap();
        }
        old.set_permissions(std::fs::Permissions::from_mode(0o2640)).unwrap();
        let attributes = Attributes::of(&old).unwrap();
        let applied = attributes.apply(&new);
        assert_eq!((applied.mode, applied.lost), (0o2640, Vec::new()));
        let found = new.metadata().unwrap();
        assert_eq!(found.mode() & 0o7777, 0o2640);
        if root {
            assert_eq!((found.uid(), found.gid()), (12, 34));
        }
        let mut value = [0; 4];
        let kept = fgetxattr(&new, "user.comment", &mut value) == Ok(4) && &value == b"kept";
        assert_eq!(kept, has_comment);
        assert_eq!(attributes.private().mode(), 0o600);
    }
}
