"""The words that made-up names are put together from."""


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words("""
    Aisha Amara Anton Beatriz Bjorn Carla Chidi Chloe Dalia Daniel Dmitri Elena Emeka Esther Farah
    Felix Freya Gabriel Grace Hana Hiro Hugo Imani Ines Ivan Jamal Jana Jonas Kaori Karim Kofi
    Laila Lars Leila Lin Lucia Mabel Malik Marta Mei Mira Nadia Nils Noor Olga Omar Paolo Petra
    Priya Quentin Rafael Ravi Rosa Samir Selma Sofia Tariq Thea Tomas Uma Valeria Viktor Wanda Wei
    Xenia Yara Yusuf Zainab Zoe
""")
LAST_NAMES = _words("""
    Abara Adler Almeida Andersen Arslan Bakker Bauer Bianchi Castillo Chen Costa Dahl Delgado
    Diallo Dubois Eriksen Evans Farouk Fischer Fontaine Garcia Ghosh Haddad Hansen Horvat Ibrahim
    Ito Jansen Jensen Kaya Keller Khan Kimura Kovacs Kowalski Larsen Lopez Mahlangu Martin Mensah
    Moreau Nakamura Ndiaye Novak Nowak Okafor Olsen Ortega Park Patel Pereira Petrov Popov Quinn
    Rahman Reyes Rossi Sato Schmidt Silva Singh Suzuki Takahashi Tanaka Torres Ueda Vargas Vogel
    Walker Weber Wong Yamada Yilmaz Zhang Zimmer
""")
APP_SUBJECTS = _words("""
    Billing Booking Calling Contact Dispatch Fleet Helpdesk Invoice Order Payroll Shift Ticket
    Vendor Visitor
""")
APP_KINDS = _words("""
    Archive Bridge Dashboard Directory Export Import Monitor Report Scheduler Sync
""")
LABELS = _words("""
    Backup Build Laptop Migration Monitoring Nightly Reporting Staging Support Warehouse
""")
