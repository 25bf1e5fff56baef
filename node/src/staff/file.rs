//! `staff.toml`: read whole, written anew beside the old one and put in its place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use jichi_protocol::{
    date::{BusinessDate, NotADate},
    id::OfficerId,
};
use serde::{Deserialize, Serialize};

use super::{Officer, Role, RolePeriod, Staff, StaffRefused};

const FILE: &str = "staff.toml";
const FILE_NEW: &str = "staff.toml.new";
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why the staff list was not read or written. No variant shows a line of the file.
#[derive(Debug, thiserror::Error)]
pub enum StaffFileFault {
    /// The disk.
    #[error("staff.toml cannot be read or written; check the data folder and its rights: {0}")]
    Io(#[from] io::Error),
    /// Other users of the machine can read the hashes.
    #[error("staff.toml is open to other users; run chmod 600 on it")]
    OpenToOthers,
    /// Not TOML, a field that there is not, or a value that is none.
    #[error(
        "staff.toml cannot be understood near byte {0}; restore it from a backup or correct it"
    )]
    Form(usize),
    /// A sign-in name, hash or date of this officer is not right.
    #[error("staff.toml: the line of officer {0} has a name, hash or date that is not right")]
    Officer(OfficerId),
    /// The officers contradict each other.
    #[error("staff.toml: {0}")]
    Refused(#[from] StaffRefused),
    /// Larger than any list.
    #[error("staff.toml is larger than 16 MiB; it is not a staff list")]
    TooLarge,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StaffToml {
    #[serde(default)]
    officer: Vec<OfficerToml>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfficerToml {
    number: u32,
    login: String,
    password: String,
    #[serde(default)]
    role: Vec<RoleToml>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleToml {
    role: Role,
    from: String,
    to: String,
}

impl Staff {
    /// The list of a data folder; empty if there is no file yet.
    ///
    /// # Errors
    /// [`StaffFileFault`].
    pub fn load(folder: &Path) -> Result<Self, StaffFileFault> {
        let mut file = match File::open(folder.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(StaffFileFault::OpenToOthers);
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(StaffFileFault::TooLarge);
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Self::from_toml(&text)
    }

    /// Writes the list of a data folder, readable by its owner alone. One process writes at a
    /// time; the data folder's lock sees to that.
    ///
    /// # Errors
    /// [`StaffFileFault::Io`]; the file is as before, or as after.
    pub fn save(&self, folder: &Path) -> Result<(), StaffFileFault> {
        let new = folder.join(FILE_NEW);
        // A file that a crash left may have other rights.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(self.to_toml()?.as_bytes())?;
        file.sync_all()?;
        // A crash here: the old list stands, and a file that the next save removes.
        fs::rename(&new, folder.join(FILE))?;
        // A crash here: the old list or the new one, each of them whole.
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    fn from_toml(text: &str) -> Result<Self, StaffFileFault> {
        let read: StaffToml = toml::from_str(text)
            .map_err(|error| StaffFileFault::Form(error.span().map_or(0, |span| span.start)))?;
        let mut staff = Self::default();
        for line in read.officer {
            let number = OfficerId(line.number);
            let officer = officer(&line).ok_or(StaffFileFault::Officer(number))?;
            staff.add(number, officer)?;
        }
        Ok(staff)
    }

    fn to_toml(&self) -> Result<String, StaffFileFault> {
        let officer = self.officers().map(|(number, officer)| OfficerToml {
            number: number.0,
            login: officer.login.to_string(),
            password: officer.password.as_str().into(),
            role: officer.roles.iter().map(role_toml).collect(),
        });
        toml::to_string(&StaffToml { officer: officer.collect() })
            .map_err(|_| StaffFileFault::Io(io::ErrorKind::InvalidData.into()))
    }
}

fn officer(line: &OfficerToml) -> Option<Officer> {
    let period = |line: &RoleToml| -> Result<RolePeriod, NotADate> {
        let (from, to): (BusinessDate, BusinessDate) = (line.from.parse()?, line.to.parse()?);
        Ok(RolePeriod { role: line.role, from, to })
    };
    Some(Officer {
        login: line.login.parse().ok()?,
        password: line.password.parse().ok()?,
        roles: line.role.iter().map(period).collect::<Result<_, _>>().ok()?,
    })
}

fn role_toml(period: &RolePeriod) -> RoleToml {
    RoleToml { role: period.role, from: period.from.to_string(), to: period.to.to_string() }
}
